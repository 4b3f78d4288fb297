"""macOS: `open`, and Terminal through a script that it is given."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from hob.desktop.tray.launch import Spawn
from hob.errors import DesktopRefused

_LIMIT_S = 15.0


class MacLauncher:
    """A Launcher."""

    def __init__(self, environ: Mapping[str, str], spawn: Spawn) -> None:
        self._environ = environ
        self._spawn = spawn

    def edit(self, path: Path) -> None:
        # -t is the person's editor for text, whatever the file's ending means to others.
        self._open("-t", str(path))

    def show(self, folder: Path) -> None:
        self._open(str(folder))

    def in_terminal(self, argv: Sequence[str]) -> None:
        """Through a .command file, which needs no permission to control Terminal as AppleScript
        does, and opens in whichever terminal the person has chosen for these."""
        fd, name = tempfile.mkstemp(prefix="hob-", suffix=".command")
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(command_file(argv, self._environ.get("HOB_HOME", "")))
        Path(name).chmod(0o700)
        self._open(name)

    def _open(self, *arguments: str) -> None:
        try:
            code = self._spawn(("/usr/bin/open", *arguments), self._environ).wait(_LIMIT_S)
        except subprocess.TimeoutExpired:
            return
        except OSError as error:
            raise DesktopRefused(f"macOS could not open it: {error.strerror or error}.") from error
        if code:
            raise DesktopRefused(
                f"macOS could not open {arguments[-1]}.", hint="Open it by hand in the Finder."
            )


def command_file(argv: Sequence[str], home: str) -> str:
    """What Terminal runs. The shell there does not know our variables; and the file goes at once,
    since the shell has read it."""
    setting = f"export HOB_HOME={shlex.quote(home)}\n" if home else ""
    return f'#!/bin/sh\nrm -f -- "$0"\n{setting}clear\nexec {shlex.join(argv)}\n'
