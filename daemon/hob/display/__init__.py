"""Whether this process belongs to a session with a screen, and what a window there would need.

Cheap to import: the daemon, the desktop and the doctor all ask. One file for each system.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal


@dataclass(frozen=True)
class Display:
    """A screen that programs may use. `session` names it, such as ":0"; there is one desktop for
    each."""

    session: str
    kind: Literal["x11", "wayland", "native"]


@dataclass(frozen=True)
class NoDisplay:
    """Why there is none: what a person is told, in one sentence. `for_good` when it will be so as
    long as this process lives."""

    why: str
    for_good: bool = True


class DesktopExit(IntEnum):
    """How the desktop process ends when it ends for a reason: the person has quit it, another one
    has this screen, the screen is gone, or this machine lacks what it needs."""

    QUIT = 0
    TAKEN = 8
    NO_SCREEN = 9
    UNFIT = 10


def find_display(environ: Mapping[str, str] = os.environ) -> Display | NoDisplay:
    """The screen of this session. Takes a moment where a server has to be asked."""
    if sys.platform == "win32":
        from hob.display.windows import find_windows_session

        return find_windows_session()
    if sys.platform == "darwin":
        from hob.display.macos import find_aqua_session

        return find_aqua_session()
    from hob.display.free_desktop import find_server

    return find_server(environ)


def has_qt() -> bool:
    """Whether the extra `desktop` is installed; nothing of it is imported."""
    return importlib.util.find_spec("PySide6") is not None
