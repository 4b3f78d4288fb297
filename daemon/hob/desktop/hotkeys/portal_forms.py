"""What the GlobalShortcuts portal is told and says; no I/O here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from dbus_fast import Variant

from hob.desktop.hotkeys.plan import Plan, Wish, state_of
from hob.errors import BadHotkey, DesktopRefused
from hob.wire.desktop import HotkeyState
from hob.wire.hotkey import Hotkey, parse_hotkey, shown

# Names of modifiers and keys: https://specifications.freedesktop.org/shortcuts/latest
_MODIFIERS = {"ctrl": "CTRL", "alt": "ALT", "shift": "SHIFT", "super": "LOGO"}
_KEYSYMS = {
    "enter": "Return", "tab": "Tab", "escape": "Escape", "left": "Left", "right": "Right",
    "up": "Up", "down": "Down", "home": "Home", "end": "End", "pageup": "Page_Up",
    "pagedown": "Page_Down", "insert": "Insert", "delete": "Delete", "!": "exclam",
    '"': "quotedbl", "#": "numbersign", "$": "dollar", "%": "percent", "&": "ampersand",
    "'": "apostrophe", "(": "parenleft", ")": "parenright", "*": "asterisk", "+": "plus",
    ",": "comma", "-": "minus", ".": "period", "/": "slash", ":": "colon", ";": "semicolon",
    "<": "less", "=": "equal", ">": "greater", "?": "question", "@": "at", "[": "bracketleft",
    "\\": "backslash", "]": "bracketright", "^": "asciicircum", "_": "underscore", "`": "grave",
    "{": "braceleft", "|": "bar", "}": "braceright", "~": "asciitilde",
    **{f"f{number}": f"F{number}" for number in range(1, 25)},
}  # fmt: skip


def trigger(hotkey: Hotkey) -> str:
    """The hotkey as the portal takes it, such as "CTRL+ALT+space"."""
    names = [_MODIFIERS[each] for each in hotkey.modifiers]
    return "+".join((*names, _KEYSYMS.get(hotkey.key, hotkey.key)))


def shortcuts(wishes: Sequence[Wish]) -> list[list[object]]:
    """The a(sa{sv}) of BindShortcuts."""
    return [
        [
            wish.action,
            {
                "description": Variant("s", wish.title),
                "preferred_trigger": Variant("s", trigger(wish.hotkey)),
            },
        ]
        for wish in wishes
    ]


def triggers(listed: object) -> dict[str, str]:
    """The descriptions by id from an a(sa{sv}) of the portal; what is malformed is left out."""
    found: dict[str, str] = {}
    for each in listed if isinstance(listed, list) else ():
        if not (isinstance(each, list | tuple) and len(each) == 2):
            continue
        action, facts = each
        if isinstance(action, str) and isinstance(facts, Mapping):
            said = facts.get("trigger_description")
            value = said.value if isinstance(said, Variant) else ""
            found[action] = value.strip()[:200] if isinstance(value, str) else ""
    return found


def in_force(wanted: Plan, given: Mapping[str, str]) -> tuple[HotkeyState, ...]:
    """The states, where the portal has given these descriptions. A person may have chosen other
    keys in its dialog: those are in force then."""
    return tuple(_state(wish, given) for wish in wanted.wishes) + wanted.refused


def _state(wish: Wish, given: Mapping[str, str]) -> HotkeyState:
    said = given.get(wish.action, "")
    if not said:
        return state_of(wish, _no_keys(wish))
    # GNOME: "Press <Control><Alt>space"; KDE: "Ctrl+Alt+Space"; others in the person's language.
    try:
        actual = parse_hotkey(re.sub(r"(?i)^press\s+", "", said))
    except BadHotkey:
        return state_of(wish)
    return HotkeyState(action=wish.action, hotkey=str(actual))


def _no_keys(wish: Wish) -> DesktopRefused:
    return DesktopRefused(
        f"The desktop has given “{wish.title}” no keys.",
        hint="Give it some in the desktop's keyboard settings, under Hob; "
        f"Hob asked for {shown(wish.hotkey, 'linux')}.",
    )
