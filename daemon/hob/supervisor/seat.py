"""A model's seat: who waits for the model, who is being answered, and whether it has a place."""

from __future__ import annotations

import asyncio

from hob.supervisor.answer import Answer
from hob.supervisor.inbox import Ask, Wish
from hob.supervisor.lifecycle import READY, STARTING, STOPPING
from hob.supervisor.policy import Place, SeatView
from hob.supervisor.process import Worker
from hob.supervisor.waiting import Waiting
from hob.wire.models import ModelInfo


class Seat:
    """Bookkeeping only; `Room` decides.

    `waiting` holds who waits for a place; `live` and `loading` are with the worker. `ends`
    counts the orders to end the process that are not carried out yet. `used_at` is by the loop's
    clock. `kept_warm`: nobody has asked to unload it since it was last wanted.
    """

    def __init__(self, info: ModelInfo, worker: Worker, now: float) -> None:
        self.info = info
        self.worker = worker
        self.waiting = Waiting()
        self.live: set[Answer] = set()
        self.loading: set[asyncio.Future[None]] = set()
        self.held = False
        self.ends = 0
        self.used_at = now
        self.kept_warm = True

    @property
    def name(self) -> str:
        return self.info.name

    @property
    def place(self) -> Place:
        if self.held:
            return "held"
        return "leaving" if self.ends else "none"

    @property
    def requests(self) -> int:
        """Answering and waiting."""
        return len(self.waiting.answers) + len(self.live)

    @property
    def last_place(self) -> int:
        """How many wait for a place or for the load, the last one included; 0 when a ready worker
        has them all."""
        with_worker = len(self.live) if self.worker.state != READY else 0
        return len(self.waiting.answers) + with_worker

    @property
    def busy(self) -> bool:
        """Its process must not be ended to make room."""
        return bool(self.live or self.loading) or self.worker.state in (STARTING, STOPPING)

    def view(self, chosen: str) -> SeatView:
        return SeatView(self.name, self.place, self.busy, self.name == chosen, self.used_at)

    def hand_over(self) -> None:
        """The seat has a place: everyone who waits goes to the worker, in order."""
        self.held = True
        if not self.waiting:
            self.worker.post(Wish(self.info))
        for ready in self.waiting.take_readies():
            self.loading.add(ready)
            ready.add_done_callback(self.loading.discard)
            self.worker.post(Wish(self.info, ready, forgive=True))
        for answer in self.waiting.take_answers():
            self.live.add(answer)
            self.worker.post(Ask(self.info, answer))

    def forget(self, answer: Answer) -> None:
        """The answer has ended, with the worker or while it waited."""
        self.live.discard(answer)
        self.waiting.remove(answer)
