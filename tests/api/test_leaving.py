"""Clients that leave, read slowly or ask for too much; what they hold is let go."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from fakes.ports import Step
from fakes.running_api import LIMIT_S, RunningApi, running_api
from hob.api.app import ApiOptions

HI = b'{"messages":[{"role":"user","content":"Hi"}]'


def _asking(*, stream: bool, n: int) -> bytes:
    body = HI + b',"stream":%b,"n":%d}' % (b"true" if stream else b"false", n)
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    return head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("stage", ["queued", "prefill", "decode"])
async def test_a_client_that_leaves_stops_its_work(
    api: RunningApi, stage: str, stream: bool, n: int
) -> None:
    models = api.fakes.models
    never = asyncio.Event()
    forever: list[Step] = [never]
    if stage == "queued":
        models.before = forever
    else:
        models.steps = forever if stage == "prefill" else ["text", never]
    async with api.connection() as (_, writer):
        writer.write(_asking(stream=stream, n=n))
        await (models.entered if stage == "queued" else models.sent).wait()
    await models.left.wait()
    assert models.live == 0


async def test_the_next_request_is_answered_after_one_was_left(api: RunningApi) -> None:
    models = api.fakes.models
    models.steps_of = {0: ["text", asyncio.Event()]}
    async with api.connection() as (_, writer):
        writer.write(_asking(stream=True, n=1))
        await models.sent.wait()
    await models.left.wait()
    assert (await api.chat()).status == 200


@pytest.mark.parametrize("n", [1, 2])
async def test_a_reader_that_takes_nothing_is_cut_off_and_holds_little(
    short_folder: Path, n: int
) -> None:
    async with running_api(short_folder, ApiOptions(write_timeout_s=0.05)) as api:
        models = api.fakes.models
        taken = 0

        def endless() -> Any:
            nonlocal taken
            while True:
                taken += 1
                yield "x" * 1000

        models.steps = endless()
        async with api.connection() as (reader, writer):
            reader._transport.pause_reading()  # type: ignore[attr-defined]
            writer.write(_asking(stream=True, n=n))
            await models.left.wait()
        # Kernel and server buffers, each some hundred kilobytes.
        assert taken < 2_000


async def test_a_client_that_cannot_wait_leaves_no_trace_in_the_log(
    api: RunningApi, caplog: pytest.LogCaptureFixture
) -> None:
    models = api.fakes.models
    models.steps = ["text", asyncio.Event()]
    async with api.connection() as (_, writer):
        writer.write(_asking(stream=True, n=2))
        await models.sent.wait()
    await models.left.wait()
    assert (await api.chat(stream=False, messages=[])).status == 400
    assert not [record for record in caplog.records if record.exc_info]


async def test_answers_over_the_limit_are_turned_away_and_room_comes_back(
    short_folder: Path,
) -> None:
    async with running_api(short_folder, ApiOptions(max_choices=2)) as api:
        gate = asyncio.Event()
        api.fakes.models.steps_of = {0: [gate]}
        asking = asyncio.ensure_future(api.chat())
        await api.fakes.models.entered.wait()
        reply = await api.chat(n=2)
        assert (reply.status, reply.error["code"]) == (429, "overloaded")
        assert reply.headers["Retry-After"] == "1"
        assert (await api.chat()).status == 200
        gate.set()
        assert (await asking).status == 200
        assert (await api.chat(n=2)).status == 200


async def test_answers_in_flight_finish_while_the_server_closes(short_folder: Path) -> None:
    async with running_api(short_folder, grace_s=LIMIT_S) as api:
        gate = asyncio.Event()
        api.fakes.models.steps = ["first", gate, "second"]
        asking = asyncio.ensure_future(api.chat(stream=True))
        await api.fakes.models.sent.wait()
        closing = asyncio.ensure_future(api.runner.cleanup())
        await asyncio.sleep(0)
        gate.set()
        reply = await asking
        assert reply.events()[-1] == "[DONE]"
        await closing


async def test_answers_that_outlast_the_grace_are_not_a_clean_end(short_folder: Path) -> None:
    async with running_api(short_folder) as api:
        api.fakes.models.steps = ["first", asyncio.Event()]
        asking = asyncio.ensure_future(api.chat(stream=True))
        await api.fakes.models.sent.wait()
        await api.runner.cleanup()
        reply = await asking
        assert b"[DONE]" not in reply.body
        assert reply.body.endswith(b"broken")
        assert api.fakes.models.live == 0
