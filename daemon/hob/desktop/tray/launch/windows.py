"""Windows: what a file is opened with, and Windows Terminal or a console."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from hob.desktop.tray.launch import Find, Spawn
from hob.errors import DesktopRefused


def _shell_open(path: str) -> None:
    if sys.platform == "win32":
        os.startfile(path)  # noqa: S606 - a path of our own


class WindowsLauncher:
    """A Launcher."""

    def __init__(
        self,
        environ: Mapping[str, str],
        spawn: Spawn,
        find: Find,
        shell_open: Callable[[str], None] = _shell_open,
    ) -> None:
        self._environ = environ
        self._spawn = spawn
        self._find = find
        self._shell_open = shell_open

    def edit(self, path: Path) -> None:
        try:
            self._shell_open(str(path))
        except OSError:
            # No program is known for .toml on most machines; Notepad is on all.
            self._start(("notepad.exe", str(path)))

    def show(self, folder: Path) -> None:
        try:
            self._shell_open(str(folder))
        except OSError as error:
            raise DesktopRefused(
                f"Windows could not open {folder}: {error.strerror or error}.",
                hint="Open it by hand in the Explorer.",
            ) from error

    def in_terminal(self, argv: Sequence[str]) -> None:
        """Through a batch file: quotes within quotes would have to get past wt and cmd, and a
        Windows Terminal that runs already does not know our variables."""
        fd, name = tempfile.mkstemp(prefix="hob-", suffix=".cmd")
        with os.fdopen(fd, "w", encoding="utf-8", newline="\r\n") as file:
            file.write(batch_file(argv, self._environ.get("HOB_HOME", "")))
        command: tuple[str, ...] = ("cmd.exe", "/d", "/c", name)
        if self._find("wt.exe"):
            command = ("wt.exe", "-w", "new", "--", *command)
        self._start(command)

    def _start(self, argv: Sequence[str]) -> None:
        try:
            self._spawn(argv, self._environ)
        except OSError as error:
            raise DesktopRefused(
                f"Windows could not start {argv[0]}: {error.strerror or error}."
            ) from error


def batch_file(argv: Sequence[str], home: str) -> str:
    """What the console runs. It stays open when the program has failed, and the file deletes
    itself in the end: "(goto)" ends the batch while the rest of its line still runs."""

    def plain(text: str) -> str:
        return text.replace("%", "%%")

    setting = f'set "HOB_HOME={plain(home)}"\n' if home else ""
    line = plain(subprocess.list2cmdline(argv))
    end = '(goto) 2>nul & del "%~f0"\n'
    return f"@echo off\nchcp 65001 >nul\n{setting}{line} || pause\n{end}"
