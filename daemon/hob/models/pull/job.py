"""One download as the daemon keeps it, and who is waiting for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from hob.models.pull.rate import Rate
from hob.models.pull.record import Remembered
from hob.wire.base import ErrorInfo
from hob.wire.pulls import PullEntry, PullEvent, PullProgress, PullState

_MOST_WAITING = 64


@dataclass(eq=False)
class Job:
    """`detached` ones go on when nobody follows. `task` is the work, or the last one's."""

    id: str
    source: str
    detached: bool
    clock: Callable[[], float] = time.monotonic
    state: PullState = "waiting"
    progress: PullProgress | None = None
    model: str = ""
    error: ErrorInfo | None = None
    task: asyncio.Task[None] | None = None
    followers: list[asyncio.Queue[PullEvent]] = field(default_factory=list)
    told_at: float = float("-inf")
    _rate: Rate | None = None

    @property
    def unfinished(self) -> bool:
        return self.state in ("waiting", "running")

    def entry(self) -> PullEntry:
        return PullEntry(
            id=self.id,
            source=self.source,
            state=self.state,
            progress=self.progress,
            model=self.model,
            error=self.error,
        )

    def remembered(self) -> Remembered:
        return Remembered(id=self.id, source=self.source, state=self.state, error=self.error)

    def come_on(self, found: PullProgress) -> None:
        """Take over how far it is, with its rate and the time that is left."""
        now = self.clock()
        if self._rate is None or self.progress is None or self.progress.stage != found.stage:
            self._rate = Rate(found.done_bytes, now)
        self._rate.add(found.done_bytes, now)
        self.progress = PullProgress(
            stage=found.stage,
            done_bytes=found.done_bytes,
            total_bytes=found.total_bytes,
            bytes_per_second=self._rate.bytes_per_second,
            left_s=self._rate.left_s(found.total_bytes),
        )
        self.tell(self.progress)

    def tell(self, event: PullEvent) -> None:
        """Let the followers know. One that reads slowly misses some of the progress."""
        for follower in self.followers:
            if follower.qsize() < _MOST_WAITING or not isinstance(event, PullProgress):
                follower.put_nowait(event)
