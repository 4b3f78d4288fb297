"""Starts the desktop in the background, and sees it come up."""

from __future__ import annotations

import sys
import time

from hob.cli.context import App
from hob.client.starting import ended, start_detached
from hob.desktop.single import is_taken
from hob.display import Display, find_display
from hob.errors import StartFailed

START_LIMIT_S = 15.0
_LOOK_EVERY_S = 0.05


def start_desktop(app: App) -> int:
    """Start it detached from this terminal, and wait until it has its screen; its pid.

    Raises StartFailed with the desktop's own words when it ends instead.
    """
    complaints = app.paths.log_dir / "desktop-stderr.log"
    display = find_display(app.environ)
    session = display.session if isinstance(display, Display) else ""
    # Whoever has the screen already is told of by the process that finds it so.
    others = is_taken(app.paths, session)
    command = [sys.executable, "-P", "-m", "hob.desktop"]
    child = start_detached(command, app.environ, complaints)
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline:
        if (code := child.poll()) is not None:
            raise ended("desktop", complaints, code)
        if not others and is_taken(app.paths, session):
            return child.pid
        time.sleep(_LOOK_EVERY_S)
    raise StartFailed(
        f"The desktop (pid {child.pid}) started but is not ready after {START_LIMIT_S:.0f} s.",
        hint="`hob logs` and desktop.log beside it show what it is doing.",
    )
