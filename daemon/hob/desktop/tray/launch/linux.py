"""Linux and other free desktops: xdg-open, and the many terminal emulators."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from hob.desktop.tray.launch import Find, Spawn
from hob.errors import DesktopRefused

# How each takes the command: what stands between its own name and the command.
TERMINALS: dict[str, tuple[str, ...]] = {
    "xdg-terminal-exec": (),
    "x-terminal-emulator": ("-e",),
    "gnome-terminal": ("--",),
    "ptyxis": ("--",),
    "kgx": ("--",),
    "konsole": ("-e",),
    "xfce4-terminal": ("-x",),
    "mate-terminal": ("-x",),
    "qterminal": ("-e",),
    "tilix": ("-e",),
    "terminator": ("-x",),
    "cosmic-term": ("--",),
    "ghostty": ("-e",),
    "kitty": (),
    "foot": (),
    "alacritty": ("-e",),
    "wezterm": ("start", "--"),
    "urxvt": ("-e",),
    "st": ("-e",),
    "xterm": ("-e",),
}
# What belongs to a desktop goes before what happens to be installed.
_OF_DESKTOP = {
    "GNOME": ("ptyxis", "kgx", "gnome-terminal"),
    "KDE": ("konsole",),
    "XFCE": ("xfce4-terminal",),
    "MATE": ("mate-terminal",),
    "LXQT": ("qterminal",),
    "COSMIC": ("cosmic-term",),
}
_EDITORS = ("editor", "nano", "vim", "vi")
_FILE_MANAGERS = ("nautilus", "dolphin", "thunar", "nemo", "caja", "pcmanfm-qt", "pcmanfm")
# A program that still runs after this long has opened what it was given.
_OPENED_AFTER_S = 4.0
# A terminal ends with the code of what ran in it, which must not be taken for its own.
_TERMINAL_AFTER_S = 1.0
# The terminal of a program that failed at once would close before anybody has read why.
_STAY_ON_FAILURE = '"$@" || { printf "\\nPress Enter to close this window. "; read -r _; }'


class LinuxLauncher:
    """A Launcher; `find` looks for a program as the shell would."""

    def __init__(self, environ: Mapping[str, str], spawn: Spawn, find: Find) -> None:
        self._environ = environ
        self._spawn = spawn
        self._find = find

    def edit(self, path: Path) -> None:
        if self._opens(path):
            return
        if editor := self._editor():
            self.in_terminal((*editor, str(path)))
            return
        raise _nothing_opens(path)

    def show(self, folder: Path) -> None:
        if self._opens(folder):
            return
        for manager in _FILE_MANAGERS:
            if self._find(manager) and self._runs((manager, str(folder))):
                return
        raise _nothing_opens(folder)

    def in_terminal(self, argv: Sequence[str]) -> None:
        wrapped = ("sh", "-c", _STAY_ON_FAILURE, "hob", *argv)
        for terminal in self._terminals():
            if self._runs((*terminal, *wrapped), _TERMINAL_AFTER_S):
                return
        raise DesktopRefused(
            "No terminal emulator was found on this computer, so no terminal can be opened.",
            hint=f"Install one, such as xterm; or run this in a terminal: {shlex.join(argv)}",
        )

    def _opens(self, path: Path) -> bool:
        return bool(self._find("xdg-open")) and self._runs(("xdg-open", str(path)))

    def _runs(self, argv: Sequence[str], within_s: float = _OPENED_AFTER_S) -> bool:
        """Whether the program could be started and has not failed at once."""
        try:
            child = self._spawn(argv, self._environ)
            return child.wait(within_s) == 0
        except subprocess.TimeoutExpired:
            return True
        except OSError:
            return False

    def _terminals(self) -> Iterator[tuple[str, ...]]:
        """How to begin a command, the terminal that is most likely wanted first."""
        wanted = self._environ.get("TERMINAL", "")
        desktops = self._environ.get("XDG_CURRENT_DESKTOP", "").upper().split(":")
        own = [name for desktop in desktops for name in _OF_DESKTOP.get(desktop, ())]
        seen: set[str] = set()
        for name in (wanted, "xdg-terminal-exec", *own, *TERMINALS):
            if name and name not in seen and self._find(name):
                seen.add(name)
                yield (name, *TERMINALS.get(Path(name).name, ("-e",)))

    def _editor(self) -> tuple[str, ...]:
        """The person's editor for terminals; it may come with arguments."""
        for name in ("VISUAL", "EDITOR"):
            try:
                words = shlex.split(self._environ.get(name, ""))
            except ValueError:
                continue
            if words and self._find(words[0]):
                return tuple(words)
        return next(((name,) for name in _EDITORS if self._find(name)), ())


def _nothing_opens(path: Path) -> DesktopRefused:
    return DesktopRefused(
        f"No program on this computer opens {path}.",
        hint="Open it in an editor or file manager of your own.",
    )
