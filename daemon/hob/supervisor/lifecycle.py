"""The states of a worker and the legal moves between them.

    DOWN ----> STARTING ----> READY
     ^  |        |   |         |  |
     |  |        |   v         v  |
     |  |        |   STOPPING <-  |
     |  v        v      |         v
     |  CLOSED   (to DOWN: the process has ended)

DOWN has no process. CLOSED is for good.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hob.wire.status import WorkerState

DOWN: Final[WorkerState] = "down"
STARTING: Final[WorkerState] = "starting"
READY: Final[WorkerState] = "ready"
STOPPING: Final[WorkerState] = "stopping"
CLOSED: Final[WorkerState] = "closed"

MOVES: Final[Mapping[WorkerState, frozenset[WorkerState]]] = {
    DOWN: frozenset({STARTING, CLOSED}),
    STARTING: frozenset({READY, STOPPING, DOWN}),
    READY: frozenset({STOPPING, DOWN}),
    STOPPING: frozenset({DOWN}),
    CLOSED: frozenset(),
}


class IllegalMove(RuntimeError):
    """A mistake in the supervisor itself, not something that the world can cause."""


def check_move(old: WorkerState, new: WorkerState) -> None:
    """Raises IllegalMove unless the table allows `old` to become `new`."""
    if new not in MOVES[old]:
        raise IllegalMove(f"a worker cannot go from {old} to {new}")
