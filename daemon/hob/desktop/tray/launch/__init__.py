"""Opening files and terminals: the one place that knows which system this is.

One file per system; each has a class that is a Launcher.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

# (arguments, variables) -> the started program.
Spawn = Callable[[Sequence[str], Mapping[str, str]], "subprocess.Popen[bytes]"]
# name -> the program's path, or None.
Find = Callable[[str], str | None]


class Launcher(Protocol):
    """All methods may block for some seconds, and raise DesktopRefused."""

    def edit(self, path: Path) -> None:
        """Open a text file in the person's editor."""

    def show(self, folder: Path) -> None:
        """Open a folder in the file manager."""

    def in_terminal(self, argv: Sequence[str]) -> None:
        """Run a program in a new terminal window, which stays open when it fails."""


def make_launcher(environ: Mapping[str, str] = os.environ) -> Launcher:
    """The launcher of this system."""
    if sys.platform == "win32":
        from hob.desktop.tray.launch.windows import WindowsLauncher

        return WindowsLauncher(environ, spawn_detached, shutil.which)
    if sys.platform == "darwin":
        from hob.desktop.tray.launch.macos import MacLauncher

        return MacLauncher(environ, spawn_detached)
    from hob.desktop.tray.launch.linux import LinuxLauncher

    return LinuxLauncher(environ, spawn_detached, shutil.which)


def spawn_detached(argv: Sequence[str], environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """A program with a life of its own; its end is waited for, so that nothing is left of it."""
    null = subprocess.DEVNULL
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_CONSOLE | subprocess.CREATE_NEW_PROCESS_GROUP
        child = subprocess.Popen(argv, env=dict(environ), creationflags=flags)
    else:
        child = subprocess.Popen(
            argv, env=dict(environ), stdin=null, stdout=null, stderr=null, start_new_session=True
        )
    threading.Thread(target=child.wait, name=f"wait for {argv[0]}", daemon=True).start()
    return child
