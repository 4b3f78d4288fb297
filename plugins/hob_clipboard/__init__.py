"""Work on what is in the clipboard: summarise, explain, translate, rewrite, answer."""

from __future__ import annotations

from hob.plugins import Action, Opens, hookimpl


@hookimpl
def register_actions() -> list[Action]:
    return [
        Action(
            "actions",
            "Actions on the clipboard...",
            help="Open the menu of the actions that suit what is in the clipboard.",
            opens=Opens(window="actions", attach="clipboard"),
            hotkey="ctrl+alt+c",
        ),
    ]
