"""One request from its arrival to its end: where it waits, what is told of it, and how long its
model stays afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from hob.errors import Cancelled, HobError
from hob.supervisor import policy
from hob.supervisor.answer import Answer, Outcome
from hob.supervisor.inbox import TakeBack
from hob.supervisor.outcomes import end_fact
from hob.supervisor.room import Room
from hob.supervisor.seat import Seat
from hob.wire.calls import Call
from hob.wire.events import Event, RequestQueued, RequestStarted
from hob.wire.generate import GenerateRequest


class Asking:
    """`max_queued` bounds the requests of one model; `on_end` is called after each."""

    def __init__(
        self,
        room: Room,
        publish: Callable[[Event], None],
        clock: Callable[[], float],
        *,
        max_queued: int,
        on_end: Callable[[], None],
    ) -> None:
        self._room = room
        self._publish = publish
        self._clock = clock
        self._max_queued = max_queued
        self._on_end = on_end

    @asynccontextmanager
    async def ask(
        self, seat: Seat, request: GenerateRequest | Call, *, keep_alive: float | None, chosen: bool
    ) -> AsyncIterator[Answer]:
        """Entering waits until a ready worker has the request; leaving early takes it back.

        `chosen`: the model is the one that is kept warm.
        """
        policy.check_queue(seat.name, seat.requests, self._max_queued)
        answer = Answer(
            request,
            on_start=lambda answer: self._publish(
                RequestStarted(at=self._clock(), id=answer.id, model=seat.name)
            ),
            on_end=lambda answer, outcome: self._ended(seat, answer, outcome),
            on_queue=lambda answer, place: self._tell_place(seat, answer, place),
        )
        if keep_alive is not None or chosen:
            # The chosen model stays, but for a request that says otherwise.
            seat.keep_alive = keep_alive
        seat.waiting.answers.append(answer)
        self._room.want(seat)
        if place := seat.last_place:
            self._tell_place(seat, answer, place)
        try:
            await answer.wait_open()
            yield answer
        finally:
            if not answer.ended:
                seat.worker.post(TakeBack(answer))
                answer.fail(Cancelled("The request was taken back before its answer was done."))

    def _tell_place(self, seat: Seat, answer: Answer, place: int) -> None:
        fact = RequestQueued(at=self._clock(), id=answer.id, model=seat.name, place=place)
        self._publish(fact)

    def _ended(self, seat: Seat, answer: Answer, outcome: Outcome) -> None:
        seat.forget(answer)
        seat.used_at = asyncio.get_running_loop().time()
        if not isinstance(outcome, HobError):
            seat.answered_at = seat.used_at
        self._publish(end_fact(answer.id, seat.name, outcome, self._clock()))
        self._on_end()
        self._room.review_soon()
