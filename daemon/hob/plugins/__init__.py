"""What the author of a plugin imports.

    from hob.plugins import Action, Run, hookimpl

    def shout(run: Run) -> str:
        return run.text.upper()

    @hookimpl
    def register_actions() -> list[Action]:
        return [Action("shout", "Shout the clipboard", shout, takes="clipboard")]

Put that into a file in the plugins folder (`hob plugins` says where), and the action is in the
tray, in `hob action list` and in the API. `hob plugins new NAME` writes such a file, with a test.
"""

from __future__ import annotations

import pluggy

from hob.plugins.context import Answer, Clipboard, Context, Run, Storage
from hob.plugins.values import Action, Opens, Setting, Tool

__all__ = [
    "Action",
    "Answer",
    "Clipboard",
    "Context",
    "Opens",
    "Run",
    "Setting",
    "Storage",
    "Tool",
    "hookimpl",
]

hookimpl = pluggy.HookimplMarker("hob")
