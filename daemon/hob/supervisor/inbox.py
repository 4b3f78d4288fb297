"""What can be posted to a worker's actor, and what all workers have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from hob.errors import HobError
from hob.supervisor.answer import Answer
from hob.supervisor.link import FromLink, Link
from hob.supervisor.spawn import Spawn
from hob.wire.engine import LoadOptions
from hob.wire.events import Event
from hob.wire.models import ModelInfo

UnloadReason = Literal["asked", "idle", "room", "shutdown"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds: until Hello, between the messages of a load, between those of answers, and for an
    orderly end."""

    hello_s: float = 30.0
    start_s: float = 120.0
    stall_s: float = 60.0
    stop_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Setup:
    """`spawn(argv)` starts a worker; `options()` says how to load; `clock` tells unix seconds."""

    spawn: Spawn
    argv: Sequence[str]
    options: Callable[[], LoadOptions]
    limits: Limits
    publish: Callable[[Event], None]
    clock: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Ask:
    """Answer this, with the file as it is now."""

    info: ModelInfo
    answer: Answer


@dataclass(frozen=True, slots=True)
class TakeBack:
    answer: Answer


@dataclass(frozen=True, slots=True)
class Wish:
    """Be ready with this file. `ready` is None when nobody waits for it; `forgive` forgets
    earlier failures, since a person asks for one more try."""

    info: ModelInfo
    ready: asyncio.Future[None] | None = None
    forgive: bool = False


@dataclass(frozen=True, slots=True)
class End:
    """End the process; `down` is told when it is gone. `close` also ends the actor."""

    why: UnloadReason
    down: asyncio.Future[None] | None = None
    close: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """Something that the process said or did."""

    link: Link
    item: FromLink


@dataclass(frozen=True, slots=True)
class LimitReached:
    """What the actor waits for in its present state has not come in time."""


Item = Ask | TakeBack | Wish | End | Report | LimitReached


def refuse(item: Item, error: HobError) -> None:
    """Settle whoever waits for an item that no actor will handle."""
    match item:
        case Ask(_, answer):
            answer.fail(error)
        case Wish(_, ready) if ready is not None and not ready.done():
            ready.set_exception(error)
        case End(_, down) if down is not None and not down.done():
            down.set_result(None)
