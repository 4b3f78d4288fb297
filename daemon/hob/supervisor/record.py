"""What is remembered of a model's worker across the lives of its process."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from hob.errors import HobError
from hob.supervisor.life import Life
from hob.supervisor.policy import Failures
from hob.wire.base import ErrorInfo
from hob.wire.calls import Embedded, Prefilled, Ranked
from hob.wire.engine import Returned
from hob.wire.generate import Finished
from hob.wire.status import WorkerState, WorkerStatus

RATES_KEPT = 16


class Record:
    """`problem` is the last failure, None once the worker was ready again or asked to end."""

    def __init__(self) -> None:
        self.failures = Failures()
        self.problem: HobError | None = None
        self.restarts = 0
        self._answers = 0
        self._prompt_tokens = 0
        self._cached_tokens = 0
        self._rates: deque[float] = deque(maxlen=RATES_KEPT)

    def failed(self, problem: HobError, now: float, ready_s: float) -> None:
        self.failures = self.failures.another(now, ready_s)
        self.problem = problem

    def answered(self, outcome: Finished | Returned) -> None:
        """Something was done well. Calls that compute nothing say little of a worker's health."""
        if isinstance(outcome, Finished):
            self._finished(outcome)
        elif isinstance(outcome.result, Prefilled | Embedded | Ranked):
            self.failures = Failures()

    def _finished(self, finished: Finished) -> None:
        self.failures = Failures()
        self._answers += 1
        self._prompt_tokens += finished.usage.prompt_tokens
        self._cached_tokens += finished.usage.cached_tokens
        rate = finished.timings.tokens_per_second(finished.usage.completion_tokens)
        if rate > 0:
            self._rates.append(rate)

    def status(
        self,
        model: str,
        state: WorkerState,
        life: Life | None,
        *,
        chosen: bool,
        waiting: int,
        warm_since: float | None,
        last_used: float,
    ) -> WorkerStatus:
        pid = life.link.pid if life else None
        queued = life.queued if life else 0
        return WorkerStatus(
            model=model,
            state=state,
            pid=pid,
            chosen=chosen,
            load_fraction=life.fraction if life else 0.0,
            warm_since=warm_since,
            last_used=last_used,
            live_requests=len(life.live) - queued if life else 0,
            waiting_requests=waiting + queued,
            answers=self._answers,
            prompt_tokens=self._prompt_tokens,
            cached_tokens=self._cached_tokens,
            tokens_per_second=_median(self._rates),
            rss_bytes=_resident_bytes(pid),
            loaded=life.loaded if life else None,
            build=life.build if life else None,
            restarts=self.restarts,
            problem=ErrorInfo.of(self.problem) if self.problem else None,
        )


def _median(values: Sequence[float]) -> float | None:
    if not values:
        return None
    ordered = sorted(values)
    middle = len(ordered) // 2
    return (ordered[middle] + ordered[~middle]) / 2


def _resident_bytes(pid: int | None) -> int | None:
    """None when there is no process, or it hides its size."""
    if pid is None:
        return None
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return None
