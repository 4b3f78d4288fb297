"""One request's events, whatever the speeds of the two ends."""

from __future__ import annotations

import asyncio

import pytest

from fakes.supervised import prefill, request, text
from hob.errors import HobError, ProtocolError, WorkerDied
from hob.supervisor.answer import MAX_UNREAD_CHARS, MERGE_FROM, Answer, Outcome
from hob.wire.calls import Prefill, Prefilled
from hob.wire.engine import Returned
from hob.wire.generate import (
    CallDelta,
    Delta,
    Finished,
    GenerateRequest,
    Queued,
    Started,
    Timings,
    TokenLogprob,
    Usage,
)


class Ends:
    def __init__(self, asked: GenerateRequest | Prefill | None = None) -> None:
        self.started = 0
        self.places: list[int] = []
        self.outcomes: list[Outcome] = []
        self.answer = Answer(
            asked or request(),
            on_start=lambda _: self._start(),
            on_end=lambda _, outcome: self.outcomes.append(outcome),
            on_queue=lambda _, place: self.places.append(place),
        )

    def _start(self) -> None:
        self.started += 1


FINISHED = Finished(
    id="r", reason="stop", usage=Usage(prompt_tokens=1, completion_tokens=2), timings=Timings()
)


async def test_events_come_in_order_and_end_with_finished() -> None:
    ends = Ends()
    sent: list[Started | Delta] = [Started(id="r", prompt_tokens=1), Delta(id="r", text="a")]
    for event in sent:
        ends.answer.push(event)
    ends.answer.finish(FINISHED)
    assert [event async for event in ends.answer] == [*sent, FINISHED]
    assert ends.outcomes == [FINISHED]
    assert ends.started == 1


async def test_unread_text_is_merged_and_nothing_of_it_is_lost() -> None:
    ends = Ends()
    words = [f"{number} " for number in range(1_000)]
    for word in words:
        ends.answer.push(Delta(id="r", text=word))
    ends.answer.finish(FINISHED)
    got = [event async for event in ends.answer]
    assert len(got) == MERGE_FROM + 1
    assert text(got) == "".join(words)
    assert sum(event.tokens for event in got if isinstance(event, Delta)) == 1_000


async def test_text_that_came_before_an_error_is_given_out_first() -> None:
    ends = Ends()
    ends.answer.push(Delta(id="r", text="a"))
    ends.answer.fail(WorkerDied("gone"))
    assert await anext(ends.answer) == Delta(id="r", text="a")
    with pytest.raises(WorkerDied, match="gone"):
        await anext(ends.answer)


async def test_only_the_first_outcome_counts() -> None:
    ends = Ends()
    ends.answer.finish(FINISHED)
    ends.answer.fail(WorkerDied("gone"))
    ends.answer.push(Delta(id="r", text="late"))
    assert [event async for event in ends.answer] == [FINISHED]
    assert ends.outcomes == [FINISHED]


async def test_text_without_end_that_nobody_reads_is_refused() -> None:
    ends = Ends()
    chunk = "x" * (MAX_UNREAD_CHARS // 4)
    for _ in range(4):
        ends.answer.push(Delta(id="r", text=chunk))
    with pytest.raises(ProtocolError):
        ends.answer.push(Delta(id="r", text="x"))


async def test_a_reader_keeps_the_unread_text_low() -> None:
    ends = Ends()
    chunk = "x" * (MAX_UNREAD_CHARS // 4)
    for _ in range(12):
        ends.answer.push(Delta(id="r", text=chunk))
        await anext(ends.answer)


async def test_waiting_for_a_worker_ends_with_the_error() -> None:
    ends = Ends()
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(_open_or_code(ends.answer))
        await asyncio.sleep(0)
        ends.answer.fail(WorkerDied("gone"))
    assert waiting.result() == "worker_died"


async def _open_or_code(answer: Answer) -> str:
    try:
        await answer.wait_open()
    except HobError as error:
        return error.code
    return "open"


async def test_thoughts_tool_calls_and_logprobs_survive_merging() -> None:
    ends = Ends()
    for number in range(200):
        ends.answer.push(
            Delta(
                id="r",
                reasoning=f"{number} ",
                calls=(
                    CallDelta(index=0, id="call", name="find")
                    if number == 0
                    else CallDelta(index=0, arguments=str(number % 10)),
                ),
                logprobs=(TokenLogprob(token=number, piece=b"x", logprob=-1.0),),
            )
        )
    ends.answer.finish(FINISHED)
    deltas = [event async for event in ends.answer if isinstance(event, Delta)]
    assert len(deltas) == MERGE_FROM
    assert "".join(delta.reasoning for delta in deltas) == "".join(f"{n} " for n in range(200))
    assert [entry.token for delta in deltas for entry in delta.logprobs] == list(range(200))
    calls = [call for delta in deltas for call in delta.calls]
    assert len(calls) == MERGE_FROM
    assert (calls[0].id, calls[0].name) == ("call", "find")
    assert "".join(call.arguments for call in calls) == "".join(str(n % 10) for n in range(1, 200))


async def test_log_probabilities_without_end_that_nobody_reads_are_refused() -> None:
    ends = Ends()
    delta = Delta(id="r", logprobs=(TokenLogprob(token=1, piece=b"x", logprob=-1.0),) * 100_000)
    for _ in range(5):
        ends.answer.push(delta)
    with pytest.raises(ProtocolError):
        ends.answer.push(delta)


async def test_a_call_ends_with_its_result() -> None:
    ends = Ends(prefill())
    result = Prefilled(prompt_tokens=3, cached_tokens=1)
    ends.answer.push(Started(id="r", prompt_tokens=3))
    ends.answer.finish(Returned(id="r", result=result))
    assert await ends.answer.result() == result
    assert ends.answer.heard


async def test_a_call_that_fails_raises_its_error() -> None:
    ends = Ends(prefill())
    ends.answer.fail(WorkerDied("gone"))
    with pytest.raises(WorkerDied, match="gone"):
        await ends.answer.result()


async def test_the_end_of_something_else_than_was_asked_is_refused() -> None:
    with pytest.raises(ProtocolError):
        Ends(prefill()).answer.finish(FINISHED)
    result = Prefilled(prompt_tokens=3, cached_tokens=1)
    with pytest.raises(ProtocolError):
        Ends().answer.finish(Returned(id="r", result=result))


async def test_a_place_is_told_when_it_changes_and_only_before_the_start() -> None:
    ends = Ends()
    for place in (3, 3, 1):
        ends.answer.queue(Queued(id="r", place=place))
    assert (ends.answer.place, ends.answer.heard) == (1, False)
    ends.answer.push(Started(id="r", prompt_tokens=1))
    ends.answer.queue(Queued(id="r", place=1))
    assert ends.places == [3, 1]
    assert ends.answer.place is None
