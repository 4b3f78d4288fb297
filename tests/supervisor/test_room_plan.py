"""Who is loaded beside whom, by places and by memory."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hob.supervisor.memory import Grade, Memory, Rated, rate
from hob.supervisor.room_plan import (
    IdlePlan,
    Relief,
    RoomPlan,
    SeatView,
    plan_idle,
    plan_relief,
    plan_room,
)
from hob.wire.engine import LoadOptions
from hob.wire.fit import DeviceMemory, Fit, Need

GIB = 2**30
INFINITE = float("inf")


def seat(
    name: str,
    used: float = 0.0,
    *,
    busy: bool = False,
    chosen: bool = False,
    holds: int = 0,
    in_turn: bool = False,
    stale: bool = False,
    idle_s: float = INFINITE,
    whoever: bool = False,
) -> SeatView:
    return SeatView(
        name,
        "held",
        busy,
        chosen,
        used,
        {"cpu": holds},
        in_turn=in_turn,
        stale=stale,
        idle_s=idle_s,
        whoever=whoever,
    )


def out(name: str, *, chosen: bool = False) -> SeatView:
    return SeatView(name, "none", False, chosen, 0.0)


def leaving(name: str, holds: int = 0) -> SeatView:
    return SeatView(name, "leaving", holds={"cpu": holds})


def cpu(free: int, total: int = 10_000) -> Memory:
    return (DeviceMemory(name="cpu", total_bytes=total, free_bytes=free),)


class Sizes:
    """Models of fixed weights whose context takes a byte a token, as much as there is room for."""

    def __init__(self, weights: Mapping[str, int], *, useful: int = 100, least: int = 30) -> None:
        self.weights = weights
        self.useful = useful
        self.least = least

    def __call__(self, name: str, memory: Memory) -> Rated:
        free = memory[0].free_bytes if memory else 0
        context = min(max(free - self.weights[name], 0), self.useful)
        grade = (
            Grade.GOOD
            if context >= self.useful
            else Grade.ENOUGH
            if context >= self.least
            else Grade.POOR
            if context
            else Grade.NO
        )
        fit = Fit(
            model=name,
            verdict="cpu" if context else "no",
            context_length=context,
            whole_context_length=self.useful,
            kv_type="f16",
            gpu_layers=0,
            layers=1,
            needs=(Need(device="cpu", weight_bytes=self.weights[name], kv_bytes=context),),
            devices=memory,
        )
        return Rated(grade, fit)


# ---- places ----


def grants(plan: RoomPlan) -> set[str]:
    return set(plan.grant)


def test_a_free_place_is_given_at_once() -> None:
    assert plan_room([out("a")], ["a"], 1) == RoomPlan(grant={"a": None})


def test_a_model_that_has_a_place_goes_on() -> None:
    assert plan_room([seat("a", busy=True)], ["a"], 1) == RoomPlan(grant={"a": None})


def test_the_least_recently_used_idle_model_leaves() -> None:
    seats = [seat("a", 5.0), seat("b", 3.0), out("c")]
    assert plan_room(seats, ["c"], 2).evict == ("b",)


def test_the_chosen_model_leaves_last() -> None:
    seats = [seat("a", 1.0, chosen=True), seat("b", 9.0), out("c")]
    assert plan_room(seats, ["c"], 2).evict == ("b",)
    assert plan_room([seat("a", chosen=True), out("c")], ["c"], 1).evict == ("a",)


def test_the_idle_chosen_model_leaves_before_a_busy_one_is_waited_for() -> None:
    seats = [seat("a", chosen=True), seat("b", busy=True), out("c")]
    assert plan_room(seats, ["c"], 2).evict == ("a",)


def test_a_busy_model_is_promised_and_whoever_waits_is_told() -> None:
    plan = plan_room([seat("a", busy=True), out("b")], ["b"], 1)
    assert (plan.grant, plan.evict, plan.promised) == ({}, (), frozenset({"a"}))
    assert plan.hold["b"].startswith("Waits until a has finished its answers")


def test_requests_for_a_promised_model_wait_behind_who_came_first() -> None:
    plan = plan_room([seat("a", busy=True), out("b")], ["b", "a"], 1)
    assert not plan.grant
    assert "b came first" in plan.hold["a"]


def test_a_promised_model_takes_newcomers_until_its_turn_is_over() -> None:
    plan = plan_room([seat("a", busy=True, in_turn=True), out("b")], ["b", "a"], 1)
    assert grants(plan) == {"a"}
    assert plan.promised == {"a"}


def test_a_model_asked_for_first_is_not_ended_for_who_came_later() -> None:
    plan = plan_room([seat("a"), out("b")], ["a", "b"], 1)
    assert (grants(plan), plan.evict) == ({"a"}, ())


def test_one_place_coming_free_is_enough_for_one() -> None:
    assert plan_room([leaving("a"), seat("b"), out("c")], ["c"], 2).evict == ()
    seats = [leaving("a"), seat("b"), out("c"), out("d")]
    assert plan_room(seats, ["c", "d"], 2).evict == ("b",)


def test_a_model_that_is_leaving_waits_until_its_process_is_gone() -> None:
    plan = plan_room([leaving("a")], ["a"], 2)
    assert not plan.grant
    assert "has left the memory" in plan.hold["a"]


def test_a_model_whose_file_is_another_now_takes_nothing_new_and_leaves() -> None:
    busy = plan_room([seat("a", busy=True, stale=True)], ["a"], 2)
    assert (busy.grant, busy.evict) == ({}, ())
    assert "the file is another now" in busy.hold["a"]
    assert plan_room([seat("a", stale=True)], [], 2).evict == ("a",)


# ---- memory ----


def test_models_are_loaded_side_by_side_while_there_is_memory() -> None:
    sizes = Sizes({"a": 1_000, "b": 1_000})
    plan = plan_room([out("a"), out("b")], ["a", "b"], 4, cpu(3_000), sizes)
    assert grants(plan) == {"a", "b"}


def test_what_one_is_promised_the_next_does_not_get() -> None:
    sizes = Sizes({"a": 1_000, "b": 1_000})
    plan = plan_room([out("a"), out("b")], ["a", "b"], 4, cpu(2_000), sizes)
    assert grants(plan) == {"a"}
    assert "a" in plan.hold["b"] or "came first" in plan.hold["b"]


def test_nobody_leaves_for_a_model_that_finds_a_useful_context_beside_them() -> None:
    sizes = Sizes({"a": 1_000, "b": 1_000})
    plan = plan_room([seat("a", holds=1_100), out("b")], ["b"], 4, cpu(1_100), sizes)
    assert plan.grant["b"] is not None
    assert plan.evict == ()


def test_an_idle_model_leaves_for_a_useful_context_the_chosen_one_does_not() -> None:
    sizes = Sizes({"a": 1_000, "b": 1_000})
    plan = plan_room([seat("a", holds=1_100), out("b")], ["b"], 4, cpu(1_050), sizes)
    assert plan.evict == ("a",)
    pinned = seat("a", holds=1_100, chosen=True)
    plan = plan_room([pinned, out("b")], ["b"], 4, cpu(1_050), sizes)
    assert (plan.evict, grants(plan)) == ((), {"b"})


def test_the_chosen_model_leaves_when_the_wanted_one_cannot_be_loaded_otherwise() -> None:
    sizes = Sizes({"a": 1_000, "b": 1_000})
    seats = [seat("a", holds=1_100, chosen=True), out("b")]
    assert plan_room(seats, ["b"], 4, cpu(500), sizes).evict == ("a",)


def test_only_those_leave_whose_memory_is_needed() -> None:
    """The one used longest ago would be first, but its going is no help."""
    sizes = Sizes({"small": 10, "large": 2_000, "b": 2_000})
    seats = [seat("small", 1.0, holds=10), seat("large", 2.0, holds=2_100), out("b")]
    assert plan_room(seats, ["b"], 4, cpu(100), sizes).evict == ("large",)


def test_a_model_that_does_not_fit_even_alone_is_refused_and_nobody_leaves() -> None:
    sizes = Sizes({"a": 1_000, "giant": 50_000})
    plan = plan_room([seat("a", holds=1_100), out("giant")], ["giant"], 4, cpu(5_000), sizes)
    assert plan.refuse["giant"].verdict == "no"
    assert (plan.evict, plan.hold, plan.promised) == ((), {}, frozenset())


def test_a_small_model_may_pass_one_that_waits_only_where_it_takes_nothing_from_it() -> None:
    sizes = Sizes({"a": 1_000, "large": 3_000, "small": 50})
    seats = [seat("a", busy=True, holds=2_000), out("large"), out("small")]
    assert grants(plan_room(seats, ["large", "small"], 4, cpu(2_000), sizes)) == {"small"}
    assert grants(plan_room(seats, ["large", "small"], 4, cpu(1_150), sizes)) == set()


def test_memory_that_comes_free_is_waited_for_before_others_must_leave() -> None:
    sizes = Sizes({"a": 1_000, "b": 1_000, "c": 1_000})
    seats = [leaving("a", 1_100), seat("b", holds=1_100), out("c")]
    plan = plan_room(seats, ["c"], 4, cpu(0), sizes)
    assert (plan.evict, plan.grant) == ((), {})
    assert "a has left the memory" in plan.hold["c"]


def test_the_displaced_chosen_model_comes_back_only_where_there_is_room() -> None:
    sizes = Sizes({"a": 1_000, "b": 1_000})
    seats = [seat("b", holds=1_100), out("a", chosen=True)]
    none = plan_room(seats, ["a"], 4, cpu(500), sizes, gentle={"a"})
    assert none == RoomPlan()
    some = plan_room(seats, ["a"], 4, cpu(1_500), sizes, gentle={"a"})
    assert grants(some) == {"a"}


def test_an_idle_model_leaves_the_gpu_to_a_wanted_one() -> None:
    def fit(name: str, memory: Memory) -> Rated:
        layers = 10 if memory[0].free_bytes >= 1_000 else 0
        return Rated(
            Grade.GOOD,
            Fit(
                model=name,
                verdict="gpu" if layers else "cpu",
                context_length=8192,
                whole_context_length=8192,
                kv_type="f16",
                gpu_layers=layers,
                layers=10,
                needs=(Need(device="CUDA0", weight_bytes=100 * layers),),
                devices=memory,
            ),
        )

    gpu = (DeviceMemory(name="CUDA0", kind="gpu", total_bytes=1_500, free_bytes=500),)
    there = SeatView("a", "held", holds={"CUDA0": 1_000})
    assert plan_room([there, out("b")], ["b"], 4, gpu, fit).evict == ("a",)


def test_a_fit_is_rated_by_the_context_that_was_wished_for() -> None:
    def fit(context: int, whole: int = 131_072) -> Fit:
        return Fit(
            model="m",
            verdict="cpu",
            context_length=context,
            whole_context_length=whole,
            kv_type="f16",
            gpu_layers=0,
            layers=1,
            needs=(),
            devices=(),
        )

    options = LoadOptions()
    assert rate(fit(8192), options).grade == Grade.GOOD
    assert rate(fit(4096), options).grade == Grade.ENOUGH
    assert rate(fit(512), options).grade == Grade.POOR
    assert rate(fit(512, whole=512), options).grade == Grade.GOOD
    assert rate(fit(1024), LoadOptions(context_length=1024)).grade == Grade.GOOD


VIEWS = st.builds(
    SeatView,
    name=st.just(""),
    place=st.sampled_from(["none", "held", "leaving"]),
    busy=st.booleans(),
    chosen=st.booleans(),
    last_used=st.floats(0, 100),
    holds=st.integers(0, 400).map(lambda size: {"cpu": size}),
    in_turn=st.booleans(),
    stale=st.booleans(),
)


@given(st.lists(VIEWS, max_size=6), st.integers(-200, 1_000), st.data())
def test_a_plan_never_overfills_and_never_ends_a_busy_model_and_somebody_gets_on(
    views: list[SeatView], free: int, data: st.DataObject
) -> None:
    seats = [
        SeatView(
            f"m{number}",
            view.place,
            view.busy,
            view.chosen,
            view.last_used,
            view.holds,
            view.in_turn,
            view.stale,
        )
        for number, view in enumerate(views)
    ]
    taken = sum(view.place != "none" for view in seats)
    max_loaded = data.draw(st.integers(max(taken, 1), 7))
    wanting = data.draw(st.permutations([view.name for view in seats]))
    weights = {view.name: data.draw(st.integers(1, 900)) for view in seats}
    plan = plan_room(seats, wanting, max_loaded, cpu(free), Sizes(weights))
    by_name = {view.name: view for view in seats}
    new = [name for name in plan.grant if by_name[name].place == "none"]
    assert taken + len(new) <= max_loaded
    needs = [fit.need_bytes for fit in plan.grant.values() if fit is not None]
    assert sum(needs) <= max(free, 0)
    assert all(by_name[name].place == "held" and not by_name[name].busy for name in plan.evict)
    assert not set(plan.grant) & set(plan.evict)
    assert not any(by_name[name].place == "leaving" for name in plan.grant)
    assert set(wanting) == set(plan.grant) | set(plan.hold) | set(plan.refuse)
    moving = any(view.place == "leaving" or view.busy for view in seats)
    if wanting and not moving:
        assert plan.grant or plan.evict or plan.refuse, "all wait, though nothing is in the way"


# ---- idleness ----


def test_idle_models_leave_and_the_next_look_is_at_the_earliest_deadline() -> None:
    seats = [
        seat("a", 0.0, idle_s=100),
        seat("b", 50.0, idle_s=100),
        seat("c", 70.0, idle_s=100),
    ]
    assert plan_idle(seats, now=101.0) == IdlePlan(("a",), 150.0)


def test_each_model_stays_for_its_own_idle_time() -> None:
    seats = [seat("a", 0.0, idle_s=10), seat("b", 0.0, idle_s=0), seat("c", 0.0)]
    assert plan_idle(seats, now=5.0) == IdlePlan(("b",), 10.0)


def test_busy_chosen_and_absent_models_do_not_leave_and_need_no_timer() -> None:
    seats = [
        seat("a", busy=True, idle_s=1),
        seat("b", chosen=True, idle_s=1),
        out("c"),
        leaving("d"),
    ]
    assert plan_idle(seats, now=1e6) == IdlePlan()


def test_the_chosen_model_leaves_after_its_time_when_somebody_has_set_it_one() -> None:
    [kept] = seats = [seat("a", chosen=True, idle_s=10, whoever=True)]
    assert plan_idle(seats, now=5.0) == IdlePlan((), 10.0)
    assert plan_idle([kept], now=10.0).unload == ("a",)


# ---- other programs ----


@pytest.mark.parametrize(
    ("relief", "leaves"),
    [("off", [None]), ("idle", ["b", None]), ("all", ["b", "a", None])],
)
def test_the_idle_model_used_longest_ago_makes_way_for_other_programs(
    relief: Relief, leaves: list[str | None]
) -> None:
    seats = [seat("a", 1.0, chosen=True), seat("b", 2.0), seat("c", 0.0, busy=True)]
    for expected in leaves:
        name = plan_relief(seats, relief)
        assert name == expected
        seats = [view for view in seats if view.name != name]
