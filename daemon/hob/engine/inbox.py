"""What other threads tell the engine thread."""

from __future__ import annotations

from dataclasses import dataclass

from hob.engine.cache.saved import Entry
from hob.engine.job import Job
from hob.errors import HobError
from hob.wire.generate import GenerateRequest


@dataclass(frozen=True, slots=True)
class Accepted:
    """A request has arrived; its prompt is being prepared. `at` is the loop's clock. `prefill`
    only reads the prompt into the cache, and is answered with Returned."""

    request: GenerateRequest
    at: float
    prefill: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """The request is ready to run."""

    id: str
    job: Job


@dataclass(frozen=True, slots=True)
class Fetched:
    """What the disk knew of a request's prompt, None when it turned out to be of no use."""

    id: str
    entry: Entry | None


@dataclass(frozen=True, slots=True)
class Refused:
    """The prompt could not be prepared."""

    id: str
    error: HobError


@dataclass(frozen=True, slots=True)
class Cancelled:
    id: str


@dataclass(frozen=True, slots=True)
class Drain:
    """Finish what there is, and end."""


Message = Accepted | Prepared | Fetched | Refused | Cancelled | Drain
