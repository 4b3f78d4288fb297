"""Linux and other free desktops: a .desktop file in the autostart folder.

The formats are those of the Desktop Entry and Desktop Application Autostart specifications.
"""

from __future__ import annotations

import configparser
from collections.abc import Mapping, Sequence
from pathlib import Path

from hob.desktop.tray.login_item import carried
from hob.desktop.tray.login_item.files import read_file, remove_file, write_file

FILE_NAME = "hob.desktop"

# What makes an argument need quotes, and what needs a backslash inside of them.
_RESERVED = set(" \t\n\"'\\><~|&;$*?#()`=")
_ESCAPED = set('"`$\\')


class XdgAutostart:
    """A LoginItem; `folder` is the person's autostart folder."""

    def __init__(self, command: Sequence[str], folder: Path, environ: Mapping[str, str]) -> None:
        self._command = command
        self._environ = environ
        self._path = folder / FILE_NAME

    def is_on(self) -> bool:
        return is_enabled(read_file(self._path).decode("utf-8", "replace"))

    def turn_on(self) -> None:
        variables = [f"{name}={value}" for name, value in carried(self._environ).items()]
        command = ("env", *variables, *self._command) if variables else self._command
        write_file(self._path, entry(command).encode())

    def turn_off(self) -> None:
        remove_file(self._path)


def entry(command: Sequence[str]) -> str:
    """The .desktop file."""
    return (
        "[Desktop Entry]\n"
        "Type=Application\n"
        "Version=1.0\n"
        "Name=Hob\n"
        "Comment=Keeps a language model warm on this computer\n"
        f"Exec={exec_line(command)}\n"
        "Terminal=false\n"
        "NoDisplay=true\n"
        "X-GNOME-Autostart-enabled=true\n"
    )


def exec_line(command: Sequence[str]) -> str:
    """The value of Exec. Two rules come one after the other: those for arguments, then those for
    any string value, which doubles every backslash."""
    quoted = " ".join(_quoted(argument) for argument in command)
    return quoted.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")


def _quoted(argument: str) -> str:
    # A percent sign alone begins a field code.
    argument = argument.replace("%", "%%")
    if argument and not _RESERVED & set(argument):
        return argument
    inner = "".join(f"\\{char}" if char in _ESCAPED else char for char in argument)
    return f'"{inner}"'


def is_enabled(text: str) -> bool:
    """Whether a .desktop file in the autostart folder takes effect. Tools for start-up programs
    turn one off by either key, rather than deleting it."""
    parser = configparser.RawConfigParser(strict=False, delimiters=("=",))
    try:
        parser.read_string(text)
    except configparser.Error:
        return False
    if not parser.has_section("Desktop Entry"):
        return False
    keys = parser["Desktop Entry"]
    return (
        bool(keys.get("exec"))
        and keys.get("hidden", "").strip() != "true"
        and keys.get("x-gnome-autostart-enabled", "").strip() != "false"
    )
