"""macOS: a process has a screen when it belongs to somebody's Aqua session."""

from __future__ import annotations

import subprocess

from hob.display import Display, NoDisplay

_LIMIT_S = 5.0


def find_aqua_session() -> Display | NoDisplay:
    """launchd knows; a login over ssh is in the session "Background", which may draw nothing."""
    try:
        said = subprocess.run(
            ["/bin/launchctl", "managername"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
            check=False,
        ).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        said = ""
    return read_manager(said)


def read_manager(name: str) -> Display | NoDisplay:
    """What `launchctl managername` prints, as what it means."""
    if name == "Aqua":
        return Display("aqua", "native")
    return NoDisplay("There is no screen in this session: it is not one of macOS's own desktop.")
