"""Hotkeys laid out on an X keyboard; no I/O here."""

from __future__ import annotations

from collections.abc import Sequence

from hob.desktop.hotkeys.plan import Wish, taken_elsewhere
from hob.desktop.x_keyboard import Combo, Keyboard, combos
from hob.errors import DesktopRefused, HobError

# Longer than the pause before a held key begins to repeat.
_REPEAT_ENDS_MS = 1000


def laid_out(
    wishes: Sequence[Wish], board: Keyboard
) -> tuple[dict[Combo, str], dict[str, HobError]]:
    """The action of each combo, and the problems of actions that this keyboard cannot serve."""
    actions: dict[Combo, str] = {}
    problems: dict[str, HobError] = {}
    for wish in wishes:
        try:
            keys = combos(wish.hotkey, board)
        except DesktopRefused as error:
            problems[wish.action] = error
            continue
        if actions.keys() & keys:
            # Two names of one key, such as "?" and shift with "/".
            problems[wish.action] = taken_elsewhere(wish)
            continue
        actions |= dict.fromkeys(keys, wish.action)
    return actions, problems


class Repeats:
    """Tells the press of a key from its repeats while it is held.

    The server says of a repeat that the key was released and pressed at the same time. A release
    can get lost when another program takes the keyboard; so a press much later counts again.
    """

    def __init__(self) -> None:
        self._held: dict[int, int] = {}
        self._released: dict[int, int] = {}

    def pressed(self, code: int, time: int) -> bool:
        """Whether this is a new press; times in milliseconds of the server."""
        held = self._held.get(code)
        self._held[code] = time
        if held is not None and time - held < _REPEAT_ENDS_MS:
            return False
        return self._released.get(code) != time

    def released(self, code: int, time: int) -> None:
        self._held.pop(code, None)
        self._released[code] = time
