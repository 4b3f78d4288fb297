"""Who gets a place and a share of each step."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hob.engine.scheduler import Limits, Live, Waiting, admit, plan
from hob.wire.generate import Priority

LIMITS = Limits(batch_tokens=512, shared_chunk=64)
priorities = st.sampled_from(["interactive", "normal", "background"])


def live(id: str, pending: int, *, decoding: bool = False, priority: Priority = "normal") -> Live:
    return Live(id, priority, ord(id), pending, decoding)


def waiting(id: str, cells: int = 10, priority: Priority = "normal") -> Waiting:
    return Waiting(id, priority, ord(id), cells)


def grants(*sequences: Live, others: bool = False) -> dict[str, int]:
    return {grant.id: grant.tokens for grant in plan(sequences, others, LIMITS).grants}


def test_a_prompt_alone_gets_the_whole_batch() -> None:
    assert grants(live("a", 2_000)) == {"a": 512}


def test_a_prompt_gets_a_small_chunk_while_another_decodes() -> None:
    assert grants(live("a", 2_000), live("b", 1, decoding=True)) == {"b": 1, "a": 64}


def test_a_prompt_gets_a_small_chunk_while_another_waits_for_a_slot() -> None:
    assert grants(live("a", 2_000), others=True) == {"a": 64}


def test_a_short_question_passes_a_long_document() -> None:
    assert grants(live("a", 2_000), live("b", 20)) == {"a": 44, "b": 20}


def test_every_decoding_sequence_gets_its_token_first() -> None:
    many = [live(chr(97 + n), 1, decoding=True) for n in range(8)]
    assert grants(*many, live("z", 500)) == {seq.id: 1 for seq in many} | {"z": 64}


def test_admission_goes_by_priority_then_arrival() -> None:
    queue = [
        waiting("a", priority="background"),
        waiting("b"),
        waiting("c", priority="interactive"),
    ]
    assert admit(queue, free_slots=2, free_cells=100) == ("c", "b")


def test_a_large_request_is_not_overtaken_by_a_later_small_one() -> None:
    assert admit([waiting("a", 90), waiting("b", 5)], free_slots=2, free_cells=50) == ()


def test_admission_never_promises_more_cells_than_there_are() -> None:
    assert admit([waiting("a", 30), waiting("b", 30)], free_slots=2, free_cells=50) == ("a",)


sequences = st.lists(
    st.builds(
        lambda arrival, pending, decoding, priority: Live(
            str(arrival), priority, arrival, 1 if decoding else pending, decoding
        ),
        st.integers(0, 10_000),
        st.integers(1, 5_000),
        st.booleans(),
        priorities,
    ),
    unique_by=lambda seq: seq.id,
    max_size=32,
)


@given(sequences, st.booleans(), st.integers(32, 512), st.integers(1, 512))
def test_a_step_stays_in_its_budget_and_grants_only_what_is_pending(
    seqs: list[Live], others: bool, batch: int, chunk: int
) -> None:
    step = plan(seqs, others, Limits(batch, chunk))
    by_id = {seq.id: seq for seq in seqs}
    assert sum(grant.tokens for grant in step.grants) <= batch
    assert all(0 < grant.tokens <= by_id[grant.id].pending for grant in step.grants)
    assert len({grant.id for grant in step.grants}) == len(step.grants)


@given(sequences, st.booleans())
def test_no_live_sequence_starves_while_there_are_no_more_than_chunk_tokens(
    seqs: list[Live], others: bool
) -> None:
    assert {grant.id for grant in plan(seqs, others, LIMITS).grants} == {seq.id for seq in seqs}


@given(sequences)
def test_every_prompt_is_read_in_the_end(seqs: list[Live]) -> None:
    pending = {seq.id: seq.pending for seq in seqs}
    for _step in range(sum(pending.values()) + 1):
        step = plan([live for live in seqs if pending[live.id]], False, LIMITS)
        for grant in step.grants:
            pending[grant.id] = max(0, pending[grant.id] - grant.tokens)
        if not any(pending.values()):
            break
        seqs = [
            Live(s.id, s.priority, s.arrival, pending[s.id], s.decoding)
            for s in seqs
            if pending[s.id]
        ]
    assert not any(pending.values())


@given(
    st.lists(
        st.builds(Waiting, st.uuids().map(str), priorities, st.integers(), st.integers(1, 100)),
        max_size=20,
    ),
    st.integers(0, 8),
    st.integers(0, 300),
)
def test_admission_keeps_within_slots_and_cells(
    queue: list[Waiting], slots: int, cells: int
) -> None:
    admitted = admit(queue, slots, cells)
    by_id = {request.id: request for request in queue}
    assert len(admitted) <= slots
    assert sum(by_id[id].cells for id in admitted) <= cells
