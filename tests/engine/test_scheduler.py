"""Who gets a place and a share of each step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hob.engine.scheduler import (
    RANKS,
    Live,
    Sizes,
    Turns,
    Waiting,
    admit,
    due,
    give_way,
    plan,
    queue,
    reading_share,
)
from hob.wire.generate import Priority

SIZES = Sizes(most=512, full=128, useful=32)
priorities: st.SearchStrategy[Priority] = st.sampled_from(list(RANKS))


def live(
    id: str,
    pending: int,
    *,
    decoding: bool = False,
    priority: Priority = "normal",
    read_s: float = 0.0,
    group: int = 0,
    stepped: int = 0,
    alone: bool = False,
) -> Live:
    return Live(id, priority, ord(id), read_s, pending, decoding, group, stepped, alone)


def waiting(
    id: str,
    cells: int = 10,
    priority: Priority = "normal",
    arrived: float | None = None,
    read_s: float = 0.0,
) -> Waiting:
    return Waiting(id, priority, float(ord(id[0])) if arrived is None else arrived, read_s, cells)


def grants(*seqs: Live, others: bool = False, may_read: bool = True) -> dict[str, int]:
    step = plan(seqs, others, SIZES, lambda: may_read)
    return {grant.id: grant.tokens for grant in step.grants}


# A step


def test_a_prompt_alone_is_read_at_full_speed() -> None:
    assert grants(live("a", 2_000)) == {"a": 128}


def test_a_prompt_is_read_in_small_steps_while_another_is_answered_or_waits() -> None:
    assert grants(live("a", 2_000), live("b", 1, decoding=True)) == {"b": 1, "a": 31}
    assert grants(live("a", 2_000), others=True) == {"a": 32}


def test_only_answers_go_on_while_it_is_not_the_prompts_turn() -> None:
    answering = live("b", 1, decoding=True)
    assert grants(live("a", 2_000), answering, may_read=False) == {"b": 1}
    assert not plan([live("a", 9), answering], False, SIZES, lambda: False).reads


def test_prompts_need_no_turn_when_nobody_is_answered() -> None:
    assert grants(live("a", 2_000), live("b", 2_000), may_read=False) == {"a": 32}


def test_guesses_take_their_part_of_a_small_step() -> None:
    assert grants(live("a", 2_000), live("b", 9, decoding=True)) == {"b": 9, "a": 23}


def test_one_token_is_read_even_when_answers_fill_a_small_step() -> None:
    many = [live(chr(97 + n), 4, decoding=True) for n in range(10)]
    assert grants(*many, live("z", 500))["z"] == 1


def test_a_step_without_room_for_prompts_is_none_that_reads() -> None:
    step = plan([live("a", 512, decoding=True), live("b", 9)], False, SIZES, lambda: True)
    assert (step.tokens, step.reads) == (512, False)


def test_a_lower_priority_does_not_read_along_with_a_higher_one() -> None:
    urgent = live("b", 5, priority="interactive")
    assert grants(live("a", 500, priority="background"), urgent) == {"b": 5}


def test_equals_share_what_is_left_of_a_step() -> None:
    assert grants(live("a", 20), live("b", 500)) == {"a": 20, "b": 12}


def test_what_must_be_alone_fills_a_step_by_itself() -> None:
    image = live("a", 900, alone=True)
    assert grants(image, live("b", 1, decoding=True), live("c", 50)) == {"a": 900}
    assert grants(image, live("b", 1, decoding=True), may_read=False) == {"b": 1}


def test_what_must_be_alone_waits_for_who_is_before_it() -> None:
    assert grants(live("a", 500), live("b", 900, alone=True)) == {"a": 32}


def test_groups_take_turns() -> None:
    one = live("a", 1, decoding=True, stepped=7)
    other = live("b", 1, decoding=True, group=1, stepped=6)
    assert grants(one, other) == {"b": 1}
    assert grants(one, replace(other, stepped=8)) == {"a": 1}


lives = st.builds(
    lambda number, priority, arrived, read_s, pending, decoding, group, stepped, alone: Live(
        str(number),
        priority,
        arrived,
        read_s,
        min(pending, 8) if decoding else pending,
        decoding,
        group,
        stepped,
        alone and not decoding,
    ),
    st.integers(),
    priorities,
    st.floats(0, 100),
    st.floats(0, 60),
    st.integers(1, 2_000),
    st.booleans(),
    st.integers(0, 2),
    st.integers(0, 50),
    st.booleans(),
)
many_lives = st.lists(lives, unique_by=lambda seq: seq.id, max_size=20)
sizes = st.builds(
    lambda most, full, useful: Sizes(most, min(most, full), min(most, useful)),
    st.integers(1, 512),
    st.integers(1, 512),
    st.integers(1, 512),
)


@given(many_lives, st.booleans(), sizes, st.booleans())
def test_a_step_keeps_its_rules_whatever_is_live(
    seqs: list[Live], others: bool, sizes: Sizes, turn: bool
) -> None:
    step = plan(seqs, others, sizes, lambda: turn)
    by_id = {seq.id: seq for seq in seqs}
    granted = [by_id[grant.id] for grant in step.grants]
    assert bool(step.grants) == bool(seqs)
    assert len({seq.id for seq in granted}) == len(granted)
    assert all(0 < grant.tokens <= by_id[grant.id].pending for grant in step.grants)
    assert len({seq.group for seq in granted}) <= 1
    reads = [seq for seq in granted if not seq.decoding]
    assert step.reads == bool(reads)
    assert len({seq.priority for seq in reads}) <= 1
    if any(seq.alone for seq in granted):
        assert len(granted) == 1
        return
    assert step.tokens <= sizes.most
    read = sum(grant.tokens for grant in step.grants if not by_id[grant.id].decoding)
    answered = step.tokens - read
    room = sizes.useful if others or len(seqs) > 1 else sizes.full
    assert read <= max(1, room - answered)
    if seqs:
        together = [s for s in seqs if s.decoding and s.group == granted[0].group]
        if sum(seq.pending for seq in together) <= sizes.most:
            assert all(seq in granted for seq in together)


@given(many_lives, sizes)
def test_every_request_ends_and_no_group_waits_for_long(seqs: list[Live], sizes: Sizes) -> None:
    groups = {seq.group for seq in seqs}
    left = {seq.id: seq for seq in seqs}
    turns = Turns(0.08)
    order: list[int] = []
    for number in range(51, 51 + 2 * sum(seq.pending for seq in seqs) + 100 * len(seqs)):
        if not left:
            break
        now = list(left.values())
        share = reading_share(now)
        step = plan(now, False, sizes, partial(turns.may_read, share, 0.01))
        if share < 1:
            turns.spent(0.001 * step.tokens, reads=step.reads, share=share)
        for grant in step.grants:
            seq = left.pop(grant.id)
            if seq.pending > grant.tokens:
                left[seq.id] = replace(seq, pending=seq.pending - grant.tokens, stepped=number)
            elif not seq.decoding:
                left[seq.id] = replace(seq, pending=3, decoding=True, alone=False, stepped=number)
        order.append(next(s.group for s in now if s.id == step.grants[0].id))
        waited = {seq.group for seq in left.values()} - set(order[-2 * len(groups) :])
        assert len(order) < 2 * len(groups) or not waited
    assert not left


# Places


def test_places_go_by_priority_then_arrival() -> None:
    asked = [
        waiting("a", priority="background"),
        waiting("b"),
        waiting("c", priority="interactive"),
    ]
    assert admit(asked, free_slots=2, free_cells=100) == ("c", "b")


def test_a_large_request_is_not_overtaken_by_a_later_small_one() -> None:
    assert admit([waiting("a", 90), waiting("b", 5)], free_slots=2, free_cells=50) == ()


waits = st.lists(
    st.builds(
        Waiting,
        st.uuids().map(str),
        priorities,
        st.floats(0, 1000),
        st.floats(0, 100),
        st.integers(1, 100),
    ),
    max_size=20,
)


@given(waits, st.integers(0, 8), st.integers(0, 300))
def test_admission_keeps_within_slots_and_cells_and_the_order(
    asked: list[Waiting], slots: int, cells: int
) -> None:
    admitted = admit(asked, slots, cells)
    by_id = {request.id: request for request in asked}
    assert len(admitted) <= slots
    assert sum(by_id[id].cells for id in admitted) <= cells
    assert list(admitted) == [request.id for request in queue(asked)][: len(admitted)]
    dues = [due(request) for request in queue(asked)]
    assert dues == sorted(dues)


@pytest.mark.parametrize(
    ("priority", "read_s", "bound"),
    [("background", 0.0, 121), ("normal", 0.0, 31), ("interactive", 60.0, 21)],
)
def test_endless_urgent_arrivals_delay_nobody_for_ever(
    priority: Priority, read_s: float, bound: int
) -> None:
    asked = [waiting("z", priority=priority, arrived=0.0, read_s=read_s)]
    for now in range(1_000):
        asked.append(waiting(f"i{now}", priority="interactive", arrived=now))
        (first,) = admit(asked, 1, 100)
        if first == "z":
            break
        asked = [request for request in asked if request.id != first]
    assert now <= bound


@given(st.floats(0, 1e4), st.floats(0, 1e4), priorities, priorities)
def test_only_who_arrives_within_a_bounded_time_overtakes(
    read_s: float, other_s: float, priority: Priority, other: Priority
) -> None:
    first = waiting("a", priority=priority, arrived=0, read_s=read_s)
    late = waiting("b", priority=other, arrived=141, read_s=other_s)
    assert queue([late, first])[0] is first


def test_among_equals_the_shorter_read_goes_first() -> None:
    long, short = waiting("a", arrived=0, read_s=4), waiting("b", arrived=10, read_s=0.1)
    assert [request.id for request in queue([long, short])] == ["b", "a"]


def test_the_lowest_priority_that_came_last_gives_way() -> None:
    seqs = [
        live("a", 1, priority="background"),
        live("b", 1, priority="background"),
        live("c", 1),
        live("d", 1, priority="interactive"),
    ]
    assert give_way(seqs, None) == "b"
    assert give_way(seqs, waiting("n")) == "b"
    assert give_way(seqs[2:], waiting("n")) is None
    assert give_way(seqs[2:], waiting("n", priority="interactive")) == "c"
    assert give_way([], waiting("n")) is None


@given(many_lives, priorities)
def test_nobody_gives_way_to_an_equal(seqs: list[Live], priority: Priority) -> None:
    victim = give_way(seqs, waiting("n", priority=priority))
    ranks = {seq.id: RANKS[seq.priority] for seq in seqs}
    if victim is None:
        assert all(rank <= RANKS[priority] for rank in ranks.values())
    else:
        assert ranks[victim] == max(ranks.values()) > RANKS[priority]


# Turns


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 0.8])
@pytest.mark.parametrize(("read_s", "write_s"), [(0.08, 0.01), (0.08, 0.08), (0.4, 0.02)])
def test_reading_gets_its_share_of_the_time(share: float, read_s: float, write_s: float) -> None:
    turns = Turns(0.08)
    spent = {True: 0.0, False: 0.0}
    for _ in range(20_000):
        reads = turns.may_read(share, read_s)
        seconds = read_s if reads else write_s
        turns.spent(seconds, reads=reads, share=share)
        spent[reads] += seconds
    assert spent[True] / sum(spent.values()) == pytest.approx(share, rel=0.1)


def test_turns_forget_when_only_one_kind_is_left() -> None:
    turns = Turns(0.08)
    turns.spent(100.0, reads=True, share=0.5)
    assert not turns.may_read(0.5, 0.08)
    turns.reset()
    assert turns.may_read(0.5, 0.08)


def shares(reader: Priority, writer: Priority, read_s: float) -> float:
    writing = live("w", 1, decoding=True, priority=writer)
    return reading_share([live("r", 500, priority=reader, read_s=read_s), writing])


def test_the_share_of_reading_follows_from_who_reads_and_who_is_answered() -> None:
    urgent, normal, background = RANKS
    assert shares(normal, normal, 0.4) == 0.95
    assert shares(normal, normal, 5.0) == 0.5
    assert shares(urgent, normal, 5.0) == 0.8
    assert shares(normal, urgent, 0.4) == 0.2
    assert shares(background, normal, 0.4) == 0.05


def test_who_is_alone_needs_no_share() -> None:
    def share(*seqs: Live) -> float:
        return reading_share(seqs)

    assert share() == share(live("a", 5)) == share(live("a", 1, decoding=True)) == 1.0


# Whole runs


def cost(tokens: int) -> float:
    return 0.006 + 0.0035 * tokens


runs = st.lists(
    st.tuples(st.floats(0, 10), priorities, st.integers(1, 1_000), st.integers(1, 20)),
    min_size=1,
    max_size=8,
)


@given(runs)
def test_whole_runs_end_in_steps_that_nobody_waits_for_too_long(
    asked: Sequence[tuple[float, Priority, int, int]],
) -> None:
    turns, now = Turns(0.08), 0.0
    coming = {
        str(n): Live(str(n), priority, at, cost(prompt), prompt, False)
        for n, (at, priority, prompt, _new) in enumerate(asked)
    }
    to_write = {str(n): new for n, (*_, new) in enumerate(asked)}
    seqs: dict[str, Live] = {}
    sizes = Sizes(most=128, full=64, useful=20)
    while coming or seqs:
        here = [seq for seq in coming.values() if seq.arrived <= now]
        for id in admit([waiting(s.id, 1, s.priority, s.arrived) for s in here], 4 - len(seqs), 9):
            seqs[id] = coming.pop(id)
        if not seqs:
            now = min(seq.arrived for seq in coming.values())
            continue
        share = reading_share(list(seqs.values()))
        others = len(here) > 0
        step = plan(
            list(seqs.values()),
            others,
            sizes,
            partial(turns.may_read, share, cost(20)),
        )
        assert step.grants
        if len(seqs) > 1:
            assert cost(step.tokens) <= 0.08
        now += cost(step.tokens)
        if share < 1:
            turns.spent(cost(step.tokens), reads=step.reads, share=share)
        for grant in step.grants:
            seq = seqs.pop(grant.id)
            left = seq.pending - grant.tokens
            if not left:
                to_write[seq.id] -= 1
            if left or to_write[seq.id]:
                seqs[seq.id] = replace(seq, pending=left or 1, decoding=not left)
        assert now < 200
