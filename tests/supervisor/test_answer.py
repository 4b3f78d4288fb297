"""One request's events, whatever the speeds of the two ends."""

from __future__ import annotations

import asyncio

import pytest

from fakes.supervised import request, text
from hob.errors import HobError, ProtocolError, WorkerDied
from hob.supervisor.answer import MAX_UNREAD_CHARS, MERGE_FROM, Answer
from hob.wire.generate import Delta, Finished, Started, Timings, Usage


class Ends:
    def __init__(self) -> None:
        self.started = 0
        self.outcomes: list[Finished | HobError] = []
        self.answer = Answer(
            request(),
            on_start=lambda _: self._start(),
            on_end=lambda _, outcome: self.outcomes.append(outcome),
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
