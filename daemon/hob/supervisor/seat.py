"""A model's seat: who waits for the model, who is being answered, and whether it has a place."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from hob.supervisor.answer import Answer
from hob.supervisor.inbox import Ask, TakeBack, Wish
from hob.supervisor.lifecycle import READY, STARTING, STOPPING
from hob.supervisor.memory import Bytes, by_device
from hob.supervisor.process import Worker
from hob.supervisor.room_plan import LONGEST_TURN_S, TURN_LOADS, Place
from hob.supervisor.waiting import Waiting
from hob.wire.fit import Fit, Need
from hob.wire.models import ModelInfo


@dataclass(frozen=True, slots=True)
class Kept:
    """A person wants the model to stay `for_s` seconds after each use; None is for good."""

    for_s: float | None


class Seat:
    """Bookkeeping only; `Room` decides.

    `waiting` holds who waits for a place; `live` (in order) and `loading` are with the worker.
    `ends` counts the orders to end the process that are not carried out yet. By the loop's clock:
    `used_at`, `answered_at`, `promised_at` (since when another model waits for its room) and
    `away_until` (before, the chosen model does not come back by itself). `kept_warm`: nobody has
    asked to unload it since it was last wanted. `fit` is how it is loaded. `keep_alive` is the idle
    time that the last request asked for, in seconds, and `kept` what a person has said of it, which
    goes before. `stale`: its file is another now than what the
    process has loaded. `gone`: the library has it no more.
    `told` is why each answer waits, as it was told last.
    """

    def __init__(self, info: ModelInfo, worker: Worker, now: float) -> None:
        self.key = info.name
        self.info = info
        self.worker = worker
        self.waiting = Waiting()
        self.live: dict[Answer, None] = {}
        self.loading: set[asyncio.Future[None]] = set()
        self.held = False
        self.ends = 0
        self.used_at = now
        self.answered_at = float("-inf")
        self.away_until = float("-inf")
        self.kept_warm = True
        self.fit: Fit | None = None
        self.keep_alive: float | None = None
        self.kept: Kept | None = None
        self.stale = False
        self.gone = False
        self.promised_at: float | None = None
        self.told: dict[Answer, str] = {}

    @property
    def name(self) -> str:
        return self.info.name

    def describe(self, info: ModelInfo) -> None:
        """The model as the library knows it now. When its files are others than those that the
        process has loaded, it is to be loaded again."""
        if self.held and not same_files(self.info, info):
            self.stale = True
        self.info = info

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

    @property
    def wanted(self) -> bool:
        """Somebody waits for it, or is being answered."""
        return bool(self.live or self.loading or self.waiting)

    @property
    def turn_ends(self) -> float:
        """Until when it takes newcomers although another model is promised its room."""
        ready_at, load_s = self.worker.ready_at, self.worker.load_s
        if ready_at is None:
            return float("-inf")
        return ready_at + min(TURN_LOADS * load_s, LONGEST_TURN_S)

    @property
    def holds(self) -> Bytes:
        """What it takes of each device, as measured, or else as planned."""
        return by_device(self._needs)

    @property
    def cpu_weights(self) -> int:
        return sum(need.weight_bytes for need in self._needs if need.device == "cpu")

    @property
    def _needs(self) -> tuple[Need, ...]:
        loaded = self.worker.loaded
        if loaded is not None and loaded.memory:
            return loaded.memory
        return self.fit.needs if self.fit is not None else ()

    def hand_over(self) -> None:
        """The seat has a place: everyone who waits goes to the worker, in order."""
        self.held = True
        self.told.clear()
        if not self.waiting:
            self.worker.post(Wish(self.info))
        for ready in self.waiting.take_readies():
            self.loading.add(ready)
            ready.add_done_callback(self.loading.discard)
            self.worker.post(Wish(self.info, ready, forgive=True))
        for answer in self.waiting.take_answers():
            self.live[answer] = None
            self.worker.post(Ask(self.info, answer))

    def take_unheard_back(self) -> bool:
        """Those of whose answers nothing has begun wait again, before the newcomers. Whether
        there were any."""
        unheard = [answer for answer in self.live if not answer.heard]
        for answer in reversed(unheard):
            del self.live[answer]
            self.worker.post(TakeBack(answer))
            self.waiting.answers.appendleft(answer)
        return bool(unheard)

    def forget(self, answer: Answer) -> None:
        """The answer has ended, with the worker or while it waited."""
        self.live.pop(answer, None)
        self.told.pop(answer, None)
        self.waiting.remove(answer)


def same_files(old: ModelInfo, new: ModelInfo) -> bool:
    """Whether both describe the same content at the same place."""
    return (old.path, old.file_bytes, old.modified_at, old.projector) == (
        new.path,
        new.file_bytes,
        new.modified_at,
        new.projector,
    )
