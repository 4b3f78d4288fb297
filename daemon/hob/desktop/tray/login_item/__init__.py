"""Starting Hob when the person logs in: the one place that knows which system this is.

One file per system; each has a class that is a LoginItem.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol


class LoginItem(Protocol):
    """Quick, but each method reads or writes files."""

    def is_on(self) -> bool:
        """Whether Hob starts at login. False also when that cannot be read."""

    def turn_on(self) -> None:
        """Have Hob started at login, by this very installation. Raises DesktopError."""

    def turn_off(self) -> None:
        """Have it not started any more; nothing happens when it is not. Raises DesktopError."""


def make_login_item(environ: Mapping[str, str] = os.environ) -> LoginItem:
    """The login item of this system and user."""
    command = up_command()
    if sys.platform == "win32":
        from hob.desktop.tray.login_item.run_key import RunKey, WindowsRegistry

        return RunKey(command, WindowsRegistry(), environ.get("HOB_HOME", ""))
    if sys.platform == "darwin":
        from hob.desktop.tray.login_item.launch_agent import LaunchAgent

        return LaunchAgent(command, Path.home() / "Library/LaunchAgents", environ)
    from hob.desktop.tray.login_item.xdg import XdgAutostart

    config = environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return XdgAutostart(command, Path(config) / "autostart", environ)


def up_command() -> Sequence[str]:
    """Starts the daemon, which starts the desktop; nothing happens when it runs already."""
    python = Path(sys.executable)
    if sys.platform == "win32":
        # Without a console window.
        windowless = python.with_name("pythonw.exe")
        python = windowless if windowless.exists() else python
    return (str(python), "-P", "-m", "hob", "up", "--no-wait")


def carried(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that the started Hob needs to be this one."""
    home = environ.get("HOB_HOME")
    return {"HOB_HOME": str(Path(home).expanduser().absolute())} if home else {}
