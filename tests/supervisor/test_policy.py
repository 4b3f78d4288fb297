"""The supervisor's decisions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hob.errors import ModelLoadFailed, Overloaded, WorkerDied, WorkerStalled
from hob.supervisor.policy import (
    CRASH_LIMIT,
    DELAY_CAP_S,
    Failures,
    Refuse,
    StartAt,
    check_queue,
    decide_start,
    may_ask_again,
    restart_delay,
)

# ---- restarting ----


def test_the_first_restart_is_immediate_and_later_ones_back_off() -> None:
    assert [restart_delay(count) for count in range(6)] == [0, 0, 0.5, 1, 2, 4]


@given(st.integers(0, 10_000))
def test_the_delay_grows_up_to_the_cap(failures: int) -> None:
    assert restart_delay(failures) <= restart_delay(failures + 1) <= DELAY_CAP_S


def test_a_worker_that_never_failed_starts_at_once() -> None:
    assert decide_start(Failures(), 10.0) == StartAt(10.0)


def test_a_worker_that_failed_twice_waits_for_its_delay() -> None:
    assert decide_start(Failures(2, at=10.0), 10.0) == StartAt(10.5)
    assert decide_start(Failures(2, at=10.0), 11.0) == StartAt(11.0)


def test_a_crash_loop_rests_until_the_cap_and_is_then_tried_once_more() -> None:
    failures = Failures(CRASH_LIMIT, at=10.0)
    assert decide_start(failures, 12.0) == Refuse(DELAY_CAP_S - 2.0)
    assert decide_start(failures, 10.0 + DELAY_CAP_S) == StartAt(10.0 + DELAY_CAP_S)
    again = failures.another(50.0)
    assert decide_start(again, 50.0) == Refuse(DELAY_CAP_S)


def test_a_failure_after_long_health_begins_a_new_row() -> None:
    assert Failures(4, at=0.0).another(100.0, ready_s=DELAY_CAP_S + 1) == Failures(1, 100.0)
    assert Failures(3, at=0.0).another(100.0, ready_s=1.0) == Failures(4, 100.0)


@pytest.mark.parametrize(
    ("problem", "heard", "retried", "again"),
    [
        (WorkerDied("x"), False, False, True),
        (WorkerDied("x"), True, False, False),
        (WorkerDied("x"), False, True, False),
        (WorkerStalled("x"), False, False, False),
        (ModelLoadFailed("x"), False, False, False),
    ],
)
def test_a_request_is_asked_again_once_and_only_when_nothing_was_heard(
    problem: WorkerDied, heard: bool, retried: bool, again: bool
) -> None:
    assert may_ask_again(problem, heard, retried) is again


def test_a_full_queue_is_refused_with_a_time_to_come_back() -> None:
    check_queue("m", 3, 4)
    with pytest.raises(Overloaded) as refused:
        check_queue("m", 4, 4)
    assert refused.value.details["retry_after"] == 1.0
