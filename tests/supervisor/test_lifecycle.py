"""The table of moves."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from hob.supervisor.lifecycle import (
    CLOSED,
    DOWN,
    MOVES,
    READY,
    STARTING,
    STOPPING,
    IllegalMove,
    check_move,
)
from hob.wire.status import WorkerState

STATES = st.sampled_from([DOWN, STARTING, READY, STOPPING, CLOSED])


class Walk(RuleBasedStateMachine):
    """A process is counted as the world would have it; the table must agree with the count."""

    def __init__(self) -> None:
        super().__init__()
        self.state: WorkerState = DOWN
        self.processes = 0
        self.refused = False

    @rule(new=STATES)
    def move(self, new: WorkerState) -> None:
        try:
            check_move(self.state, new)
        except IllegalMove:
            self.refused = True
            return
        if new == STARTING:
            self.processes += 1
        elif new == DOWN:
            self.processes -= 1
        self.state = new

    @precondition(lambda self: self.state != CLOSED)
    @rule()
    def there_is_always_a_way_to_closed(self) -> None:
        reached, todo = {self.state}, [self.state]
        while todo:
            for state in MOVES[todo.pop()] - reached:
                reached.add(state)
                todo.append(state)
        assert CLOSED in reached

    @invariant()
    def never_two_processes_and_none_while_down(self) -> None:
        expected = 1 if self.state in (STARTING, READY, STOPPING) else 0
        assert self.processes == expected


TestWalk = Walk.TestCase


@pytest.mark.parametrize("old", [DOWN, STARTING, READY, STOPPING, CLOSED])
def test_no_state_becomes_itself(old: WorkerState) -> None:
    with pytest.raises(IllegalMove):
        check_move(old, old)


def test_closed_is_for_good() -> None:
    assert MOVES[CLOSED] == frozenset()


def test_a_worker_is_never_ready_without_having_started() -> None:
    assert [old for old in MOVES if READY in MOVES[old]] == [STARTING]
