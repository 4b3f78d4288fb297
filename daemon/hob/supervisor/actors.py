"""The seats' workers: one actor each, made with the seat and ended with the pool."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Callable

from hob.supervisor import problems
from hob.supervisor.inbox import End, Setup
from hob.supervisor.process import Worker
from hob.supervisor.room import Room
from hob.supervisor.seat import Seat
from hob.wire.engine import LoadOptions
from hob.wire.models import ModelInfo

logger = logging.getLogger(__name__)


class Actors:
    """`options` says how a seat's model is loaded, or raises ModelError."""

    def __init__(self, room: Room, setup: Setup, options: Callable[[Seat], LoadOptions]) -> None:
        self._room = room
        self._setup = setup
        self._options = options
        self._tasks: set[asyncio.Task[None]] = set()

    def seat_of(self, info: ModelInfo) -> Seat:
        """The model's seat with the file as it is now; made on first use with its worker."""
        known = self._room.seats.get(info.name)
        if known is not None:
            known.describe(info)
            return known
        loop = asyncio.get_running_loop()
        worker = Worker(
            info,
            dataclasses.replace(self._setup, options=lambda info: self._options(seat)),
            keep_warm=lambda: self._room.stays_warm(seat),
            on_move=self._room.review_soon,
        )
        seat = self._room.seats[info.name] = Seat(info, worker, loop.time())
        actor = loop.create_task(worker.run(), name=f"worker {info.name}")
        self._tasks.add(actor)
        actor.add_done_callback(lambda actor: self._done(actor, seat))
        return seat

    def _done(self, actor: asyncio.Task[None], seat: Seat) -> None:
        """An actor that failed is a mistake of ours; the next request gets a new one."""
        self._tasks.discard(actor)
        if not actor.cancelled() and (error := actor.exception()) is not None:
            logger.critical("the supervisor of %s has failed", seat.name, exc_info=error)
            self._room.seats.pop(seat.key, None)
            seat.waiting.fail(problems.internal())
            self._room.review_soon()

    async def aclose(self) -> None:
        """End every worker, and wait until all are gone."""
        for seat in self._room.seats.values():
            seat.waiting.fail(problems.stopping())
            seat.worker.post(End("shutdown", close=True))
        actors = set(self._tasks)
        try:
            await asyncio.gather(self._setup.spare.aclose(), *actors, return_exceptions=True)
        finally:
            for actor in actors:
                actor.cancel()
