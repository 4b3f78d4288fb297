"""Hotkeys as text: every spelling that people and programs use, and one normal form."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from hob.errors import BadHotkey

Modifier = Literal["ctrl", "alt", "shift", "super"]

MODIFIERS: tuple[Modifier, ...] = get_args(Modifier)
MAX_HOTKEY_CHARS = 80

_LETTERS_AND_DIGITS = "abcdefghijklmnopqrstuvwxyz0123456789"
PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
NAMED_KEYS = (
    "space", "enter", "tab", "escape", "left", "right", "up", "down",
    "home", "end", "pageup", "pagedown", "insert", "delete",
)  # fmt: skip
FUNCTION_KEYS = tuple(f"f{number}" for number in range(1, 25))
KEYS = frozenset((*_LETTERS_AND_DIGITS, *PUNCTUATION, *NAMED_KEYS, *FUNCTION_KEYS))

_MODIFIER_SPELLINGS: dict[str, Modifier] = {
    "ctrl": "ctrl", "control": "ctrl", "ctl": "ctrl", "primary": "ctrl", "strg": "ctrl",
    "alt": "alt", "option": "alt", "opt": "alt", "mod1": "alt",
    "shift": "shift",
    "super": "super", "cmd": "super", "command": "super", "win": "super", "windows": "super",
    "meta": "super", "logo": "super", "mod4": "super",
}  # fmt: skip
_KEY_SPELLINGS = {
    "return": "enter", "esc": "escape", "del": "delete", "ins": "insert", "spacebar": "space",
    "pgup": "pageup", "prior": "pageup", "pgdn": "pagedown", "pgdown": "pagedown",
    "next": "pagedown", "leftarrow": "left", "rightarrow": "right", "uparrow": "up",
    "downarrow": "down", "arrowleft": "left", "arrowright": "right", "arrowup": "up",
    "arrowdown": "down", "plus": "+", "minus": "-", "hyphen": "-", "comma": ",", "period": ".",
    "dot": ".", "slash": "/", "backslash": "\\", "semicolon": ";", "colon": ":", "equal": "=",
    "equals": "=", "apostrophe": "'", "quote": "'", "grave": "`", "backtick": "`",
    "bracketleft": "[", "bracketright": "]", "question": "?", "asterisk": "*", "numbersign": "#",
    "underscore": "_", "less": "<", "greater": ">",
}  # fmt: skip
# Keys that people try, and that no system hands on as a part of a combination.
_NEVER = frozenset(("fn", "altgr", "capslock", "hyper", "compose", "numlock"))
_SYMBOLS: dict[str, Modifier] = {"⌃": "ctrl", "⌥": "alt", "⇧": "shift", "⌘": "super"}
# "<ctrl>+" as pynput and GTK write it, and the symbols of macOS.
_MARKED = re.compile(r"<(\w{2,})>\s*\+?|([⌃⌥⇧⌘])\s*(?:\+(?=.))?")

# What every program does with ctrl (on macOS command) and one of these: taken from all of them, a
# person could not even copy what to ask about.
_EVERYBODYS = frozenset("cvx")

_EXAMPLE = "Write it as modifiers and one key, such as ctrl+alt+space."
_SHOWN_KEYS = {
    "space": "Space", "enter": "Enter", "tab": "Tab", "escape": "Esc", "left": "Left",
    "right": "Right", "up": "Up", "down": "Down", "home": "Home", "end": "End",
    "pageup": "PageUp", "pagedown": "PageDown", "insert": "Insert", "delete": "Delete",
}  # fmt: skip


@dataclass(frozen=True)
class Hotkey:
    """Keys pressed together; `modifiers` in the order of MODIFIERS, `key` one of KEYS.

    Made by `parse_hotkey`; `str()` is the normal form, such as "ctrl+alt+space".
    """

    modifiers: tuple[Modifier, ...]
    key: str

    def __str__(self) -> str:
        return "+".join((*self.modifiers, self.key))


def parse_hotkey(text: str) -> Hotkey:
    """The hotkey that `text` means, as people, pynput, GTK or macOS write it; raises BadHotkey."""
    if len(text) > MAX_HOTKEY_CHARS:
        raise _bad("The hotkey is far too long.")
    modifiers: set[Modifier] = set()
    keys: list[str] = []
    for part in _parts(text):
        name = part if len(part) == 1 else re.sub(r"[\s_]", "", part)
        if modifier := _MODIFIER_SPELLINGS.get(name):
            modifiers.add(modifier)
        else:
            keys.append(_key(name, text))
    if not keys:
        raise _bad(
            f'"{text.strip()}" lacks a key beside its modifiers.'
            if modifiers
            else "There is no key."
        )
    if len(keys) > 1:
        raise _bad(f'"{text.strip()}" has more than one key beside its modifiers.')
    if modifiers <= {"shift"} and keys[0] not in FUNCTION_KEYS:
        raise BadHotkey(
            f'"{text.strip()}" would take a key away that is needed for typing.',
            hint="Add ctrl, alt or super to it, such as ctrl+alt+space.",
            param="hotkey",
        )
    if modifiers in ({"ctrl"}, {"super"}) and keys[0] in _EVERYBODYS:
        raise BadHotkey(
            f'"{text.strip()}" would take a key away that every program uses.',
            hint="Add another modifier to it, such as ctrl+alt+space has.",
            param="hotkey",
        )
    return Hotkey(tuple(each for each in MODIFIERS if each in modifiers), keys[0])


def shown(hotkey: Hotkey, platform: str) -> str:
    """The hotkey for people, as `platform` (a value of sys.platform) writes it in menus."""
    key = _SHOWN_KEYS.get(hotkey.key, hotkey.key.upper())
    if platform == "darwin":
        symbols = {modifier: symbol for symbol, modifier in _SYMBOLS.items()}
        return "".join(symbols[each] for each in hotkey.modifiers) + key
    names = {"super": "Win" if platform == "win32" else "Super"}
    return "+".join((*(names.get(each, each.title()) for each in hotkey.modifiers), key))


def _parts(text: str) -> list[str]:
    """The names in `text`, lower case, none of them empty; "+" alone is the key of that name."""

    def plain(found: re.Match[str]) -> str:
        name = found[1] or _SYMBOLS[found[2]]
        return name if found.end() == len(found.string) else f"{name}+"

    bare = _MARKED.sub(plain, text.strip().lower())
    between = next((sign for sign in "+-" if sign in bare and bare != sign), None)
    if between is None:
        return bare.split()
    ends_with_it = bare.endswith(between * 2) or re.search(rf"\{between}\s+\{between}$", bare)
    listed = bare[:-1].rstrip()[:-1].split(between) if ends_with_it else bare.split(between)
    parts = [part.strip() for part in listed] + ([between] if ends_with_it else [])
    if not all(parts):
        raise _bad(f'"{text.strip()}" has nothing between or after its plus signs.')
    return parts


def _key(name: str, text: str) -> str:
    key = _KEY_SPELLINGS.get(name, name)
    if key in KEYS:
        return key
    if name in _NEVER:
        raise _bad(f'"{text.strip()}" cannot be used: {name} cannot be a part of a hotkey.')
    raise _bad(f'"{text.strip()}" names no key that Hob knows: "{name}".')


def _bad(message: str) -> BadHotkey:
    return BadHotkey(message, hint=_EXAMPLE, param="hotkey")
