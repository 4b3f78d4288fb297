"""Which inputs are computed together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hob.engine.embedding.plan import PATIENCE, BatchLimits, Pending, plan
from hob.wire.generate import Priority

LIMITS = BatchLimits(tokens=100, inputs=8)
priorities = st.sampled_from(["interactive", "normal", "background"])


def pending(
    id: str, *lengths: int, priority: Priority = "normal", skipped: int = 0, arrival: int = 0
) -> Pending:
    return Pending(id, priority, arrival or ord(id), lengths, skipped)


def grants(*requests: Pending) -> dict[str, int]:
    return {grant.id: grant.inputs for grant in plan(requests, LIMITS)}


def test_inputs_fill_the_step_up_to_its_tokens() -> None:
    assert grants(pending("a", 40, 40, 40)) == {"a": 2}


def test_inputs_fill_the_step_up_to_their_number() -> None:
    assert grants(pending("a", *[1] * 20)) == {"a": 8}


def test_an_input_longer_than_a_step_is_computed_alone() -> None:
    assert grants(pending("a", 500, 1), pending("b", 1)) == {"a": 1}


def test_inputs_of_several_requests_share_a_step() -> None:
    assert grants(pending("a", 10, 10), pending("b", 10), pending("c", 10)) == {
        "a": 2,
        "b": 1,
        "c": 1,
    }


def test_a_short_request_passes_a_long_one() -> None:
    assert grants(pending("a", *[10] * 2_000), pending("b", 10, 10))["b"] == 2


def test_what_does_not_fit_leaves_its_room_to_others() -> None:
    assert grants(pending("a", 60, 60), pending("b", 30)) == {"a": 1, "b": 1}


def test_more_urgent_requests_go_first() -> None:
    urgent = pending("z", *[10] * 20, priority="interactive")
    assert grants(pending("a", *[10] * 20), urgent) == {"z": 8}


def test_a_request_that_was_left_out_for_long_goes_first_once() -> None:
    urgent = pending("z", *[10] * 20, priority="interactive")
    patient = pending("a", 90, priority="background", skipped=PATIENCE - 1)
    assert grants(urgent, patient) == {"z": 8}
    tired = pending("a", 90, priority="background", skipped=PATIENCE)
    assert grants(urgent, tired) == {"a": 1, "z": 1}


def test_nothing_pending_is_an_empty_step() -> None:
    assert plan((), LIMITS) == ()


requests = st.lists(
    st.builds(
        Pending,
        st.uuids().map(str),
        priorities,
        st.integers(1, 99),
        st.lists(st.integers(1, 300), min_size=1, max_size=12),
        st.integers(0, 12),
    ),
    min_size=1,
    max_size=12,
)


@given(requests)
def test_a_step_is_never_empty_and_never_over_its_limits(requests: list[Pending]) -> None:
    lengths = {request.id: request.lengths for request in requests}
    granted = plan(requests, LIMITS)
    taken = [n for grant in granted for n in lengths[grant.id][: grant.inputs]]
    assert taken
    assert all(grant.inputs for grant in granted)
    assert len(taken) <= LIMITS.inputs
    assert len(taken) == 1 or sum(taken) <= LIMITS.tokens


@given(requests)
def test_every_request_is_served_in_the_end(requests: list[Pending]) -> None:
    left = {request.id: request for request in requests}
    steps = 0
    while left:
        granted = {grant.id: grant.inputs for grant in plan(list(left.values()), LIMITS)}
        steps += 1
        for request in list(left.values()):
            done = granted.get(request.id, 0)
            rest = request.lengths[done:]
            skipped = 0 if done else request.skipped + 1
            # Each step takes the first in line, so that nobody waits longer than all before.
            assert skipped <= PATIENCE + 12 + len(requests) * 12
            del left[request.id]
            if rest:
                left[request.id] = Pending(
                    request.id, request.priority, request.arrival, rest, skipped
                )
    assert steps <= sum(len(request.lengths) for request in requests)


def test_a_background_request_is_served_under_a_flood_of_urgent_ones() -> None:
    skipped = 0
    for arrival in range(100, 100 + PATIENCE + 1):
        flood = pending("z", *[10] * 64, priority="interactive", arrival=arrival)
        waiting = pending("a", 10, priority="background", skipped=skipped)
        if "a" in grants(flood, waiting):
            break
        skipped += 1
    assert skipped == PATIENCE
