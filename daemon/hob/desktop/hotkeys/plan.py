"""What is wanted of hotkeys, checked before any system is asked; no I/O here."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hob.errors import BadHotkey, DesktopRefused, HobError
from hob.wire.base import ErrorInfo
from hob.wire.desktop import HotkeyState
from hob.wire.hotkey import Hotkey, parse_hotkey, shown
from hob.wire.plugins import ActionInfo

# Each takes several grabs; plugins name as many actions as they like.
MAX_HOTKEYS = 64
_MAX_TITLE_CHARS = 100


@dataclass(frozen=True)
class Wish:
    """A hotkey that can be asked for; `action` is the action's name, `title` what people see."""

    action: str
    title: str
    hotkey: Hotkey


@dataclass(frozen=True)
class Plan:
    """`wishes` have distinct actions and distinct hotkeys; `refused` is the rest, with reasons."""

    wishes: tuple[Wish, ...] = ()
    refused: tuple[HotkeyState, ...] = ()

    def states(self, problems: Mapping[str, HobError]) -> tuple[HotkeyState, ...]:
        """All hotkeys as they are; `problems` by action."""
        return tuple(state_of(wish, problems.get(wish.action)) for wish in self.wishes) + (
            self.refused
        )


def plan(wanted: Sequence[tuple[ActionInfo, str]]) -> Plan:
    """Sort out what cannot be; of two actions with one hotkey, the first has it."""
    wishes: list[Wish] = []
    refused: list[HotkeyState] = []
    taken: dict[Hotkey, str] = {}
    for action, text in wanted:
        if not text.strip():
            continue
        try:
            hotkey = parse_hotkey(text)
            if hotkey in taken:
                raise BadHotkey(
                    f"{shown(hotkey, sys.platform)} is the hotkey of {taken[hotkey]} already.",
                    hint="Choose another one for either of them.",
                    param="hotkey",
                )
            if len(wishes) == MAX_HOTKEYS:
                raise BadHotkey(
                    f"There are {MAX_HOTKEYS} hotkeys already, and no more are taken.",
                    hint="Take one from an action that you use less.",
                    param="hotkey",
                )
        except BadHotkey as error:
            refused.append(
                HotkeyState(action=action.name, hotkey=text, problem=ErrorInfo.of(error))
            )
        else:
            title = (action.title or action.name)[:_MAX_TITLE_CHARS]
            taken[hotkey] = title
            wishes.append(Wish(action.name, title, hotkey))
    return Plan(tuple(wishes), tuple(refused))


def state_of(wish: Wish, problem: HobError | None = None) -> HotkeyState:
    return HotkeyState(
        action=wish.action,
        hotkey=str(wish.hotkey),
        problem=ErrorInfo.of(problem) if problem else None,
    )


def to_bind(wish: Wish, program: Sequence[str], why: str) -> DesktopRefused:
    """What to do where no hotkeys can be had; `program` is the full command line of `hob`."""
    command = shlex.join((*program, "action", "run", wish.action))
    return DesktopRefused(
        why,
        hint=f"In the desktop's own keyboard settings, bind {shown(wish.hotkey, sys.platform)} "
        f"to this command: {command}",
        command=command,
    )


def taken_elsewhere(wish: Wish) -> DesktopRefused:
    return DesktopRefused(
        f"{shown(wish.hotkey, sys.platform)} is taken by another program, "
        f"so it does not reach “{wish.title}”.",
        hint="Choose other keys for it, or free these in the other program.",
    )


Post = Callable[[Callable[[], None]], None]
