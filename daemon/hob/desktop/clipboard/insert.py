"""How text is put into another program's window; no I/O here."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from hob.errors import DesktopRefused
from hob.wire.hotkey import Hotkey

# By WM_CLASS or app id, lower case.
_TERMINALS = frozenset((
    "gnome-terminal", "gnome-terminal-server", "org.gnome.terminal", "kgx", "org.gnome.console",
    "ptyxis", "org.gnome.ptyxis", "konsole", "org.kde.konsole", "yakuake", "org.kde.yakuake",
    "xfce4-terminal", "terminator", "tilix", "com.gexperts.tilix", "kitty", "alacritty", "foot",
    "wezterm", "org.wezfurlong.wezterm", "guake", "lxterminal", "mate-terminal", "qterminal",
    "terminology", "ghostty", "com.mitchellh.ghostty", "deepin-terminal", "tilda", "contour",
    "rio", "blackbox", "com.raggesilver.blackbox", "sakura", "hyper", "tabby", "cosmic-term",
    "com.system76.cosmicterm", "io.elementary.terminal", "warp",
))  # fmt: skip
# These paste the selection, by Shift+Insert.
_OLD_TERMINALS = frozenset((
    "xterm", "uxterm", "urxvt", "rxvt", "st", "st-256color", "aterm", "eterm", "mlterm",
))  # fmt: skip
# Where Ctrl+V means something else.
_EDITORS = frozenset(("emacs", "gvim", "vim"))
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x9f]")


@dataclass(frozen=True)
class Insertion:
    """`keys` are to be pressed; `selections` are those that must hold `text` by then."""

    text: str
    keys: Hotkey
    selections: tuple[str, ...] = ("CLIPBOARD",)


def insertion(text: str, classes: Iterable[str], *, latin: bool = True) -> Insertion:
    """How to put `text` into a window of these classes; `latin` says that the keyboard has a V.
    Raises DesktopRefused for what must not be put there."""
    # Escape sequences would take a terminal out of its guarded paste.
    text = _CONTROL.sub("", text)
    names = {each.lower() for each in classes}
    old = bool(names & _OLD_TERMINALS)
    if old or names & _TERMINALS:
        text = text.replace("\r\n", "\n").replace("\r", "\n").strip("\n")
        if "\n" in text:
            raise DesktopRefused(
                "The window is a terminal, which could run each line as a command, so nothing "
                "was put in. The text is on the clipboard.",
                hint="Look it over, and paste it yourself.",
            )
    # Shift+Insert pastes in every toolkit; the other keys are what people expect to see pressed.
    if old or names & _EDITORS or not latin:
        return Insertion(text, Hotkey(("shift",), "insert"), ("CLIPBOARD", "PRIMARY"))
    return Insertion(text, Hotkey(("ctrl", "shift") if names & _TERMINALS else ("ctrl",), "v"))
