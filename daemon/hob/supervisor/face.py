"""What others may read of a worker's actor."""

from __future__ import annotations

import asyncio

from hob.errors import HobError
from hob.supervisor.inbox import Setup
from hob.supervisor.life import Life
from hob.supervisor.lifecycle import DOWN, READY
from hob.supervisor.record import Record
from hob.supervisor.waiting import Waiting
from hob.wire.engine import LoadedInfo
from hob.wire.models import ModelInfo
from hob.wire.status import WorkerState, WorkerStatus


class Face:
    """The actor's state, which only the actor changes.

    `hopeless`: what was wrong at the last start is wrong at the next too, until the file changes
    or somebody asks for it. `load_s` is how long the last load took.
    """

    def __init__(self, info: ModelInfo, setup: Setup) -> None:
        self.state: WorkerState = DOWN
        self.load_s = 0.0
        self.hopeless = False
        self._info = info
        self._setup = setup
        self._record = Record()
        self._waiting = Waiting()
        self._life: Life | None = None

    @property
    def model(self) -> str:
        return self._info.name

    @property
    def pid(self) -> int | None:
        return self._life.link.pid if self._life else None

    @property
    def loaded(self) -> LoadedInfo | None:
        """What the process has told of itself; None unless it is loaded."""
        return self._life.loaded if self._life else None

    @property
    def ready_at(self) -> float | None:
        """Since when it is ready, by the loop's clock; None unless it is."""
        return self._life.ready_at if self._life and self.state == READY else None

    @property
    def problem(self) -> HobError | None:
        """The last failure, while the worker is down because of it."""
        return self._record.problem

    def status(self, *, chosen: bool, waiting: int, last_used: float) -> WorkerStatus:
        """`waiting` requests are not yet with this worker."""
        warm_since = None
        if self.ready_at is not None:
            now = asyncio.get_running_loop().time()
            warm_since = self._setup.clock() - (now - self.ready_at)
        return self._record.status(
            self.model,
            self.state,
            self._life,
            chosen=chosen,
            waiting=waiting + len(self._waiting.answers),
            warm_since=warm_since,
            last_used=last_used,
        )
