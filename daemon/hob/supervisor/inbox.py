"""What can be posted to a worker's actor, and what all workers have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from hob.errors import HobError
from hob.supervisor.answer import Answer
from hob.supervisor.limits import Limits
from hob.supervisor.link import FromLink, Link
from hob.supervisor.spawn import Spawn
from hob.supervisor.stamps import Stamps
from hob.wire.engine import LoadOptions, Returned
from hob.wire.events import Event
from hob.wire.generate import Finished
from hob.wire.models import ModelInfo

UnloadReason = Literal["asked", "idle", "room", "pressure", "changed", "removed", "shutdown"]


@dataclass(frozen=True, slots=True)
class Setup:
    """`spawn(argv)` starts a worker; `options(info)` says how to load it, or raises ModelError;
    `stamps` says which files those of the model are now; `on_crash` is told of a file whose load
    crashed the process; `clock` tells unix seconds."""

    spawn: Spawn
    argv: Sequence[str]
    options: Callable[[ModelInfo], LoadOptions]
    limits: Limits
    publish: Callable[[Event], None]
    clock: Callable[[], float]
    stamps: Callable[[ModelInfo], Awaitable[Stamps]]
    on_crash: Callable[[ModelInfo, HobError], None]


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
    """End the process; `down` is told when it is gone. `close` also ends the actor. `error` is for
    those who wait or are being answered, where "unloaded" does not say it."""

    why: UnloadReason
    down: asyncio.Future[None] | None = None
    close: bool = False
    error: HobError | None = None


@dataclass(frozen=True, slots=True)
class Rename:
    """The same file by another name or at another place."""

    info: ModelInfo


@dataclass(frozen=True, slots=True)
class Stamped:
    """The files as they were when the process was started."""

    stamps: Stamps


@dataclass(frozen=True, slots=True)
class Checked:
    """The end of an answer, and whether the model's file was changed under it."""

    message: Finished | Returned
    changed: bool


@dataclass(frozen=True, slots=True)
class Report:
    """Something that the process said or did, or that was found out about its files."""

    link: Link
    item: FromLink | Stamped | Checked


@dataclass(frozen=True, slots=True)
class LimitReached:
    """What the actor waits for in its present state has not come in time."""


Item = Ask | TakeBack | Wish | End | Rename | Report | LimitReached


def refuse(item: Item, error: HobError) -> None:
    """Settle whoever waits for an item that no actor will handle."""
    match item:
        case Ask(_, answer):
            answer.fail(error)
        case Wish(_, ready) if ready is not None and not ready.done():
            ready.set_exception(error)
        case End(_, down) if down is not None and not down.done():
            down.set_result(None)
