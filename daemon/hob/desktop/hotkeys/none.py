"""Hotkeys where no program can have any: each says which command to bind by hand."""

from __future__ import annotations

from collections.abc import Sequence

from hob.desktop.hotkeys.plan import Plan, Post, plan, to_bind
from hob.desktop.hotkeys.program import hob_program
from hob.desktop.parts import HotkeysTold
from hob.wire.desktop import HotkeyState, HotkeyWay
from hob.wire.plugins import ActionInfo

_WHY = "This session lets no program have hotkeys, so Hob cannot hear this one."


def by_hand(wanted: Plan, why: str = _WHY) -> tuple[HotkeyState, ...]:
    """The states that say what to bind."""
    program = hob_program()
    return wanted.states({wish.action: to_bind(wish, program, why) for wish in wanted.wishes})


class NoHotkeys:
    """Nothing is heard."""

    def __init__(self, post: Post, told: HotkeysTold) -> None:
        self._post = post
        self._told = told

    @property
    def way(self) -> HotkeyWay:
        return "none"

    def set(self, wanted: Sequence[tuple[ActionInfo, str]]) -> None:
        states = by_hand(plan(wanted))
        self._post(lambda: self._told(states))

    def close(self) -> None:
        """Nothing is held."""
