"""The entry by which desktops know Hob: its portal grants rights to what has one, by its name."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

APP_ID = "io.github.hob_daemon.Hob"


def launcher_path(environ: Mapping[str, str]) -> Path:
    home = environ.get("XDG_DATA_HOME", "")
    data = Path(home) if home.startswith("/") else Path.home() / ".local/share"
    return data / "applications" / f"{APP_ID}.desktop"


def ensure_launcher(path: Path, program: Sequence[str]) -> None:
    """Write the entry unless it is there as it should be; without one the portal refuses since
    xdg-desktop-portal 1.21. Failing to write is not worth more than that refusal."""
    # In Exec, % stands for arguments that a file manager fills in.
    command = shlex.join((*program, "desktop")).replace("%", "%%")
    entry = (
        "[Desktop Entry]\nType=Application\nName=Hob\n"
        "Comment=Hotkeys, prompt window and tray of Hob\n"
        f"Exec={command}\nIcon=hob\nTerminal=false\nNoDisplay=true\n"
    )
    with contextlib.suppress(OSError):
        if path.is_file() and path.read_text() == entry:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(entry)
