"""Which inputs of which requests are computed together. Pure: values in, values out.

A step takes inputs of many requests, whole: an input cannot be computed in parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from hob.wire.generate import Priority

_RANKS: dict[Priority, int] = {"interactive": 0, "normal": 1, "background": 2}
# A request that was left out of so many steps in a row goes first in the next, whatever its
# priority: background work then still gets a ninth of the machine.
PATIENCE = 8


@dataclass(frozen=True, slots=True)
class Pending:
    """A request with inputs to compute: `lengths` are the tokens of the next ones, in order, at
    least one. It was `skipped` so many steps in a row."""

    id: str
    priority: Priority
    arrival: int
    lengths: Sequence[int]
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """What one step takes: tokens, and inputs. A longer input is computed alone."""

    tokens: int
    inputs: int


@dataclass(frozen=True, slots=True)
class Grant:
    """The next `inputs` of this request are computed in this step, at least one."""

    id: str
    inputs: int


def plan(pending: Sequence[Pending], limits: BatchLimits) -> tuple[Grant, ...]:
    """Fill one step, by priority; requests of the same priority take turns, the oldest first, so
    that a short request passes a long one. The very first input is always taken."""
    taken: dict[str, int] = {}
    step = _Step(limits)
    for _, group in groupby(sorted(pending, key=_order), key=_urgency):
        hungry = list(group)
        while hungry:
            hungry = [request for request in hungry if _take_next(request, taken, step)]
    return tuple(Grant(id, count) for id, count in taken.items())


@dataclass(slots=True)
class _Step:
    limits: BatchLimits
    tokens: int = 0
    inputs: int = 0

    def take(self, tokens: int) -> bool:
        """Is there room for an input of so many tokens? Then it is taken."""
        full = self.inputs == self.limits.inputs or self.tokens + tokens > self.limits.tokens
        if self.inputs and full:
            return False
        self.inputs += 1
        self.tokens += tokens
        return True


def _take_next(request: Pending, taken: dict[str, int], step: _Step) -> bool:
    """Take one more input of the request; False when it has none, or none that fits."""
    count = taken.get(request.id, 0)
    if count == len(request.lengths) or not step.take(request.lengths[count]):
        return False
    taken[request.id] = count + 1
    return True


def _urgency(request: Pending) -> tuple[bool, int]:
    return request.skipped < PATIENCE, _RANKS[request.priority]


def _order(request: Pending) -> tuple[bool, int, int]:
    return *_urgency(request), request.arrival
