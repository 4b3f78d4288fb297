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
    IdlePlan,
    Refuse,
    RoomPlan,
    SeatView,
    StartAt,
    check_queue,
    decide_start,
    may_ask_again,
    plan_idle,
    plan_room,
    restart_delay,
)


def seat(name: str, used: float = 0.0, *, busy: bool = False, chosen: bool = False) -> SeatView:
    return SeatView(name, "held", busy, chosen, used)


def out(name: str, *, chosen: bool = False) -> SeatView:
    return SeatView(name, "none", False, chosen, 0.0)


def leaving(name: str) -> SeatView:
    return SeatView(name, "leaving", False, False, 0.0)


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


# ---- room ----


def test_a_free_place_is_given_at_once() -> None:
    assert plan_room([out("a")], ["a"], 1) == RoomPlan(grant=("a",))


def test_a_model_that_has_a_place_goes_on() -> None:
    assert plan_room([seat("a", busy=True)], ["a"], 1) == RoomPlan(grant=("a",))


def test_the_least_recently_used_idle_model_leaves() -> None:
    seats = [seat("a", 5.0), seat("b", 3.0), out("c")]
    assert plan_room(seats, ["c"], 2) == RoomPlan(evict=("b",))


def test_the_chosen_model_leaves_last() -> None:
    seats = [seat("a", 1.0, chosen=True), seat("b", 9.0), out("c")]
    assert plan_room(seats, ["c"], 2) == RoomPlan(evict=("b",))
    assert plan_room([seat("a", chosen=True), out("c")], ["c"], 1) == RoomPlan(evict=("a",))


def test_the_idle_chosen_model_leaves_before_a_busy_one_is_waited_for() -> None:
    seats = [seat("a", chosen=True), seat("b", busy=True), out("c")]
    assert plan_room(seats, ["c"], 2) == RoomPlan(evict=("a",))


def test_a_busy_model_never_leaves() -> None:
    assert plan_room([seat("a", busy=True), out("b")], ["b"], 1) == RoomPlan()


def test_requests_for_a_promised_model_wait_behind_who_came_first() -> None:
    assert plan_room([seat("a", busy=True), out("b")], ["b", "a"], 1) == RoomPlan()


def test_a_model_asked_for_first_is_not_ended_for_who_came_later() -> None:
    assert plan_room([seat("a"), out("b")], ["a", "b"], 1) == RoomPlan(grant=("a",))


def test_one_place_coming_free_is_enough_for_one() -> None:
    assert plan_room([leaving("a"), seat("b"), out("c")], ["c"], 2) == RoomPlan()
    seats = [leaving("a"), seat("b"), out("c"), out("d")]
    assert plan_room(seats, ["c", "d"], 2) == RoomPlan(evict=("b",))


def test_a_model_that_is_leaving_waits_until_its_process_is_gone() -> None:
    assert plan_room([leaving("a")], ["a"], 2) == RoomPlan()


VIEWS = st.builds(
    SeatView,
    name=st.just(""),
    place=st.sampled_from(["none", "held", "leaving"]),
    busy=st.booleans(),
    chosen=st.booleans(),
    last_used=st.floats(0, 100),
)


@given(st.lists(VIEWS, max_size=6), st.data())
def test_a_plan_never_overfills_and_never_ends_a_busy_model(
    views: list[SeatView], data: st.DataObject
) -> None:
    seats = [
        SeatView(f"m{number}", view.place, view.busy, view.chosen, view.last_used)
        for number, view in enumerate(views)
    ]
    taken = sum(view.place != "none" for view in seats)
    max_loaded = data.draw(st.integers(max(taken, 1), 7))
    wanting = data.draw(st.permutations([view.name for view in seats]))
    plan = plan_room(seats, wanting, max_loaded)
    by_name = {view.name: view for view in seats}
    new = [name for name in plan.grant if by_name[name].place == "none"]
    assert taken + len(new) <= max_loaded
    assert all(by_name[name].place == "held" and not by_name[name].busy for name in plan.evict)
    assert not set(plan.grant) & set(plan.evict)
    assert not any(by_name[name].place == "leaving" for name in plan.grant)
    if wanting and not any(view.place == "leaving" or view.busy for view in seats):
        assert plan.grant or plan.evict, "someone waits though nothing is in the way"


# ---- idleness ----


def test_idle_models_leave_and_the_next_look_is_at_the_earliest_deadline() -> None:
    seats = [seat("a", 0.0), seat("b", 50.0), seat("c", 70.0)]
    assert plan_idle(seats, now=101.0, idle_unload_s=100.0) == IdlePlan(("a",), 150.0)


def test_busy_chosen_and_absent_models_do_not_leave_and_need_no_timer() -> None:
    seats = [seat("a", busy=True), seat("b", chosen=True), out("c"), leaving("d")]
    assert plan_idle(seats, now=1e6, idle_unload_s=1.0) == IdlePlan()


def test_zero_keeps_every_model() -> None:
    assert plan_idle([seat("a")], now=1e6, idle_unload_s=0) == IdlePlan()
