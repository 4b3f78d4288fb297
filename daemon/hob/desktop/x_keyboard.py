"""Which keys of an X keyboard a combination stands for.

X grabs a key by its code and the exact set of modifiers, so Caps Lock and Num Lock each double the
grabs. A code's keysyms are listed as: group 1 plain and with shift, group 2 plain and with shift,
then what needs AltGr.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from hob.errors import DesktopRefused
from hob.wire.hotkey import Hotkey, Modifier

if TYPE_CHECKING:
    from Xlib.display import Display

SHIFT, LOCK, CONTROL, MOD1, MOD4 = 1, 2, 4, 8, 64
# The modifiers proper; a state carries mouse buttons and the layout's group as well.
ALL_MODIFIERS = 0xFF
NUM_LOCK_KEYSYM = 0xFF7F
SCROLL_LOCK_KEYSYM = 0xFF14
ALT_KEYSYMS = (0xFFE9, 0xFFEA)
SUPER_KEYSYMS = (0xFFEB, 0xFFEC)

_NAMED_KEYSYMS = {
    "space": 0x20, "enter": 0xFF0D, "tab": 0xFF09, "escape": 0xFF1B, "left": 0xFF51,
    "up": 0xFF52, "right": 0xFF53, "down": 0xFF54, "home": 0xFF50, "end": 0xFF57,
    "pageup": 0xFF55, "pagedown": 0xFF56, "insert": 0xFF63, "delete": 0xFFFF,
    **{f"f{number}": 0xFFBD + number for number in range(1, 25)},
}  # fmt: skip

# Where a key is on a US keyboard, for layouts without Latin letters: what shortcuts mean there.
_US_ROWS = {10: "1234567890-=", 24: "qwertyuiop[]", 38: "asdfghjkl;'`", 51: "\\zxcvbnm,./"}
_US_CODES = {key: first + index for first, row in _US_ROWS.items() for index, key in enumerate(row)}


@dataclass(frozen=True)
class Keyboard:
    """`keysyms` by key code. The masks are those of this server's modifiers; `locks` are those
    that must not matter."""

    keysyms: Mapping[int, tuple[int, ...]]
    alt: int = MOD1
    super: int = MOD4
    locks: tuple[int, ...] = (LOCK,)

    def mask(self, modifier: Modifier) -> int:
        return {"ctrl": CONTROL, "shift": SHIFT, "alt": self.alt, "super": self.super}[modifier]


@dataclass(frozen=True)
class Combo:
    """A key code with the modifiers that are held, without the locks."""

    code: int
    mask: int


def keyboard(
    keysyms: Mapping[int, tuple[int, ...]], modifier_codes: Iterable[Iterable[int]]
) -> Keyboard:
    """From what the server says: key codes by modifier, shift first."""
    masks = [
        (1 << index, {keysym for code in codes for keysym in keysyms.get(code, ())})
        for index, codes in enumerate(modifier_codes)
    ]

    def mask_of(wanted: Iterable[int]) -> int:
        wanted = set(wanted)
        return next((mask for mask, found in masks if wanted & found), 0)

    locks = (LOCK, mask_of([NUM_LOCK_KEYSYM]), mask_of([SCROLL_LOCK_KEYSYM]))
    return Keyboard(
        keysyms,
        mask_of(ALT_KEYSYMS) or MOD1,
        mask_of(SUPER_KEYSYMS) or MOD4,
        tuple(sorted({lock for lock in locks if lock})),
    )


def combos(hotkey: Hotkey, board: Keyboard) -> frozenset[Combo]:
    """The keys to grab; more than one where several keys carry the same sign. Raises
    DesktopRefused when the keyboard has no such key."""
    mask = sum(board.mask(modifier) for modifier in hotkey.modifiers)
    keysym = _NAMED_KEYSYMS.get(hotkey.key) or ord(hotkey.key)
    # Plain in either group first: a sign that needs shift elsewhere must not be taken from there.
    for level, extra in ((0, 0), (2, 0), (1, SHIFT), (3, SHIFT)):
        codes = [
            code
            for code, listed in board.keysyms.items()
            if len(listed) > level and listed[level] == keysym
        ]
        if codes:
            return frozenset(Combo(code, mask | extra) for code in codes)
    if any(keysym in listed for listed in board.keysyms.values()):
        raise DesktopRefused(
            f"On this keyboard {hotkey.key} needs AltGr, which cannot be a part of a hotkey.",
            hint="Choose another key.",
        )
    if (code := _US_CODES.get(hotkey.key)) in board.keysyms and code is not None:
        return frozenset((Combo(code, mask),))
    raise DesktopRefused(f"This keyboard has no key {hotkey.key}.", hint="Choose another key.")


def with_locks(combo: Combo, board: Keyboard) -> tuple[Combo, ...]:
    """The combo with every state of the locks."""
    return tuple(
        Combo(combo.code, combo.mask | sum(held))
        for count in range(len(board.locks) + 1)
        for held in combinations(board.locks, count)
    )


def without_locks(code: int, state: int, board: Keyboard) -> Combo:
    """The combo of a key event."""
    return Combo(code, state & ALL_MODIFIERS & ~sum(board.locks))


def read_keyboard(display: Display) -> Keyboard:
    """The keyboard as the server has it now."""
    info = display.display.info
    first, last = info.min_keycode, info.max_keycode
    listed = display.get_keyboard_mapping(first, last - first + 1)
    keysyms = {first + index: tuple(each) for index, each in enumerate(listed)}
    return keyboard(keysyms, [tuple(codes) for codes in display.get_modifier_mapping()])
