"""The facts that are told of a worker's moves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from hob.errors import HobError
from hob.supervisor.inbox import Setup, UnloadReason
from hob.supervisor.lifecycle import READY, STARTING, STOPPING
from hob.wire.base import ErrorInfo
from hob.wire.events import ModelFailed, ModelLoading, ModelReady, ModelUnloaded
from hob.wire.status import WorkerState

Why = UnloadReason | Literal["wanted", "loaded", "failed", "replaced", "closed"]

# What is told of a process that was ended on purpose.
_UNLOADED: Mapping[Why, UnloadReason] = {
    "asked": "asked",
    "idle": "idle",
    "room": "room",
    "pressure": "pressure",
    "changed": "changed",
    "replaced": "changed",
    "removed": "removed",
    "shutdown": "shutdown",
}


class Told:
    """Publishes them with the time of day, under the model's name of the moment."""

    def __init__(self, model: str, setup: Setup) -> None:
        self.model = model
        self._publish = setup.publish
        self._clock = setup.clock

    def loading(self, fraction: float) -> None:
        self._publish(ModelLoading(at=self._clock(), model=self.model, fraction=fraction))

    def moved(self, old: WorkerState, new: WorkerState, why: Why, waited_s: float) -> None:
        """`waited_s`: seconds from the wish to ready."""
        if new == STARTING:
            self.loading(0.0)
        elif new == READY:
            self._publish(ModelReady(at=self._clock(), model=self.model, load_s=waited_s))
        elif old == STOPPING and why in _UNLOADED:
            fact = ModelUnloaded(at=self._clock(), model=self.model, why=_UNLOADED[why])
            self._publish(fact)

    def failed(self, error: HobError, retry_s: float | None) -> None:
        """`retry_s` None: it is not started again by itself."""
        info = ErrorInfo.of(error)
        fact = ModelFailed(at=self._clock(), model=self.model, error=info, retry_s=retry_s)
        self._publish(fact)
