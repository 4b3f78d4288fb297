"""What can wait until nobody asks anything: measuring what steps cost, and saving what is known."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from hob.engine.abort import Abort
from hob.engine.costs import CostCurve
from hob.engine.runtime import DecodeAborted, OutOfCells
from hob.errors import WorkerError

# Does one piece of work, bounded and soon done; False when there is none.
Chore = Callable[[], bool]

# Each size is measured so often, and the quickest counts: the first run of a new shape is slower.
_RUNS = 2
# A timeout of 0 is an error to the queue that is waited on.
_NO_PAUSE = 1e-6


class Chores:
    """Each is begun once nobody has asked anything for its seconds; `last` runs at the end of the
    worker's life."""

    def __init__(
        self, chores: Sequence[tuple[float, Chore]] = (), last: Callable[[], None] | None = None
    ) -> None:
        self._chores = chores
        self._last = last

    def pending(self) -> Iterator[tuple[float, Chore]]:
        """Those that there are, with the pause before each."""
        for pause_s, chore in self._chores:
            yield max(pause_s, _NO_PAUSE), chore

    def finish(self) -> None:
        if self._last is not None:
            self._last()


class Measurable(Protocol):
    def measure(self, tokens: int) -> None:
        """Compute so many tokens for nobody. Raises DecodeAborted, OutOfCells or WorkerError."""


class Calibration:
    """Measures sizes of steps that were never computed; whoever asks something interrupts it."""

    def __init__(
        self,
        runtime: Measurable,
        costs: CostCurve,
        abort: Abort,
        sizes: tuple[int, ...],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._runtime = runtime
        self._costs = costs
        self._abort = abort
        self._sizes = sizes
        self._clock = clock

    def __call__(self) -> bool:
        unknown = self._costs.unknown(self._sizes)
        if not unknown:
            return False
        try:
            self._costs.learn(unknown[0], min(self._once(unknown[0]) for _ in range(_RUNS)))
        except DecodeAborted:
            return False
        except (OutOfCells, WorkerError):
            self._sizes = tuple(size for size in self._sizes if size < unknown[0])
        return True

    def _once(self, tokens: int) -> float:
        with self._abort.watching(set()):
            began = self._clock()
            self._runtime.measure(tokens)
            return self._clock() - began
