"""Calls go the way of requests: they wait, are answered or fail, and can be taken back."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from fakes.in_process import FakeChild
from fakes.pool_bench import bench, in_virtual_time
from fakes.supervised import ask, prefill, request, tokenize
from hob.errors import (
    Cancelled,
    ContextOverflow,
    Overloaded,
    ProtocolError,
    ShuttingDown,
    WorkerDied,
    WorkerStalled,
    WorkerUnavailable,
)
from hob.supervisor.pool import Pool
from hob.wire.base import ErrorInfo
from hob.wire.calls import Prefilled, Tokens
from hob.wire.engine import Ask, Cancel, Failed, Heartbeat, Load, Returned, WarmPrompt
from hob.wire.events import RequestFailed, RequestFinished, RequestQueued
from hob.wire.generate import GenerateRequest, Queued, Started


def answer_all(child: FakeChild) -> None:
    for request_id in list(child.live):
        child.answer(request_id)


@in_virtual_time
async def test_a_call_loads_the_model_and_returns_its_result() -> None:
    async with bench() as b:
        result = await b.pool.call("m", tokenize("one three"))
        assert result == Tokens(tokens=(3, 5), pieces=(b"one", b"three"))
        assert not b.pool.live_requests
        assert [type(fact).__name__ for fact in b.facts.all] == [
            "RequestQueued",
            "ModelLoading",
            "ModelReady",
            "RequestFinished",
        ]


@in_virtual_time
async def test_a_prefill_is_counted_in_tokens_but_is_no_answer() -> None:
    async with bench() as b:
        assert await b.pool.call("m", prefill("a b c")) == Prefilled(
            prompt_tokens=3, cached_tokens=0
        )
        assert b.facts.of(RequestFinished)[0].usage.prompt_tokens == 3
        assert b.pool.workers()[0].answers == 0


@in_virtual_time
async def test_calls_and_requests_reach_the_worker_in_the_order_they_came() -> None:
    async with bench() as b, asyncio.TaskGroup() as group:
        b.world.auto_load = False
        group.create_task(b.pool.call("m", tokenize()))
        group.create_task(ask(b.pool, "m"))
        group.create_task(b.pool.call("m", prefill()))
        child = await b.child()
        child.finish_load()
    names = [type(item).__name__ for item in child.received[:4]]
    assert names == ["Load", "Ask", "Generate", "Ask"]


@in_virtual_time
async def test_cancelling_a_call_takes_it_back_from_the_worker() -> None:
    async with bench() as b:
        await b.pool.load("m")
        b.world.auto_answer = False
        calling = asyncio.ensure_future(b.pool.call("m", wanted := prefill()))
        child = await b.child()
        calling.cancel()
        await asyncio.wait({calling})
        await b.settle()
        assert child.received[-1] == Cancel(id=wanted.id)
        assert not child.live
        assert not b.pool.live_requests
        assert isinstance(b.facts.of(RequestFailed)[0].error.error(), Cancelled)
        b.world.auto_answer = True
        assert await ask(b.pool, "m") == "0 1 2 3 "
        assert len(b.world.children) == 1


@in_virtual_time
async def test_cancelling_a_call_that_waits_for_the_load_sends_nothing() -> None:
    async with bench() as b:
        b.world.auto_load = False
        calling = asyncio.ensure_future(b.pool.call("m", prefill()))
        child = await b.child()
        calling.cancel()
        await asyncio.wait({calling})
        child.finish_load()
        await b.settle()
        assert not [item for item in child.received if isinstance(item, Ask)]
        assert not b.pool.live_requests


@in_virtual_time
async def test_calls_count_towards_the_bound_of_the_queue() -> None:
    async with bench(max_queued=2) as b:
        b.world.auto_answer = False
        async with asyncio.TaskGroup() as group:
            group.create_task(b.pool.call("m", tokenize()))
            group.create_task(ask(b.pool, "m"))
            child = await b.child()
            error = await b.failure(b.pool.call("m", tokenize()))
            assert isinstance(error, Overloaded)
            assert error.details["retry_after"] == 1
            answer_all(child)


@in_virtual_time
async def test_a_call_that_the_worker_refuses_fails_alone() -> None:
    async with bench() as b:
        await b.pool.load("m")
        b.world.auto_answer = False
        async with asyncio.TaskGroup() as group:
            call = prefill()
            failing = group.create_task(b.failure(b.pool.call("m", call)))
            other = group.create_task(b.pool.call("m", tokenize("ab")))
            child = await b.child()
            overflow = ContextOverflow("Too long.", prompt_tokens=9, context_length=8)
            child.say(Failed(id=call.id, error=ErrorInfo.of(overflow)))
            assert isinstance(await failing, ContextOverflow)
            del child.live[call.id]
            answer_all(child)
            assert (await other) == Tokens(tokens=(2,), pieces=(b"ab",))


@in_virtual_time
async def test_a_call_without_any_sign_of_progress_is_a_stall() -> None:
    async with bench(stall_timeout_s=60) as b:
        await b.pool.load("m")
        b.world.auto_answer = False
        assert isinstance(await b.failure(b.pool.call("m", prefill())), WorkerStalled)
        b.world.auto_answer = True
        assert isinstance(await b.pool.call("m", prefill()), Prefilled)


@in_virtual_time
async def test_heartbeats_and_places_are_progress() -> None:
    async with bench(stall_timeout_s=60) as b:
        await b.pool.load("m")
        b.world.auto_answer = False
        async with asyncio.TaskGroup() as group:
            wanted = prefill()
            calling = group.create_task(b.pool.call("m", wanted))
            child = await b.child()
            for step in range(5):
                await asyncio.sleep(50)
                child.say(Heartbeat(steps=step, live=0, queued=1))
                await asyncio.sleep(50)
                child.say(Queued(id=wanted.id, place=6 - step))
            await asyncio.sleep(50)
            answer_all(child)
            assert isinstance(await calling, Prefilled)
        assert len(b.world.children) == 1


@in_virtual_time
async def test_a_call_that_was_not_heard_goes_to_the_next_process_once() -> None:
    async with bench() as b:
        await b.pool.load("m")
        b.world.auto_answer = False
        async with asyncio.TaskGroup() as group:
            calling = group.create_task(b.failure(b.pool.call("m", prefill())))
            for _ in range(2):
                child = await b.child()
                assert child.live
                child.die(-9)
            assert isinstance(await calling, WorkerDied)
        assert len(b.world.children) == 2


@in_virtual_time
async def test_a_prefill_that_had_begun_is_not_tried_again() -> None:
    async with bench() as b:
        await b.pool.load("m")
        b.world.auto_answer = False
        async with asyncio.TaskGroup() as group:
            wanted = prefill()
            calling = group.create_task(b.failure(b.pool.call("m", wanted)))
            child = await b.child()
            child.say(Started(id=wanted.id, prompt_tokens=1))
            await b.settle()
            child.die(-9)
            assert isinstance(await calling, WorkerDied)
        assert len(b.world.children) == 1


@in_virtual_time
async def test_unloading_and_stopping_end_calls_with_their_reason() -> None:
    async with bench("a", "b") as b:
        b.world.auto_answer = False
        async with asyncio.TaskGroup() as group:
            unloaded = group.create_task(b.failure(b.pool.call("a", prefill())))
            stopped = group.create_task(b.failure(b.pool.call("b", prefill())))
            await b.settle()
            await b.pool.unload("a")
            assert isinstance(await unloaded, WorkerUnavailable)
            await b.pool.drain(5)
            assert isinstance(await stopped, ShuttingDown)
        assert isinstance(await b.failure(b.pool.call("a", prefill())), ShuttingDown)


@in_virtual_time
async def test_draining_lets_a_call_finish() -> None:
    async with bench("a") as b:
        b.world.auto_answer = False
        async with asyncio.TaskGroup() as group:
            calling = group.create_task(b.pool.call("a", prefill()))
            child = await b.child()
            draining = group.create_task(b.pool.drain(100))
            await asyncio.sleep(50)
            answer_all(child)
            assert isinstance(await calling, Prefilled)
            await draining


@in_virtual_time
async def test_the_answer_to_another_question_ends_the_process_and_everyone_is_told() -> None:
    async with bench() as b:
        await b.pool.load("m")
        b.world.auto_answer = False
        async with asyncio.TaskGroup() as group:
            wanted = request()
            asking = group.create_task(b.failure(_read(b.pool, wanted)))
            calling = group.create_task(b.failure(b.pool.call("m", prefill())))
            child = await b.child()
            child.say(Returned(id=wanted.id, result=Prefilled(prompt_tokens=1, cached_tokens=0)))
            assert isinstance(await asking, ProtocolError)
            assert isinstance(await calling, ProtocolError)
        assert child.ended


async def _read(pool: Pool, wanted: GenerateRequest) -> None:
    async with pool.generate("m", wanted) as events:
        async for _ in events:
            pass


# ---- places ----


@in_virtual_time
async def test_whoever_waits_for_a_load_is_told_the_place_when_the_wait_begins() -> None:
    async with bench() as b, asyncio.TaskGroup() as group:
        b.world.auto_load = False
        for _ in range(3):
            group.create_task(ask(b.pool, "m"))
            await b.settle()
        assert [fact.place for fact in b.facts.of(RequestQueued)] == [1, 2, 3]
        b.world.auto_load = True
        (await b.child()).finish_load()


@in_virtual_time
async def test_whoever_waits_for_room_is_told_the_place() -> None:
    async with bench("a", "b", max_loaded=1) as b:
        await b.pool.load("a")
        b.world.auto_answer = False
        async with asyncio.TaskGroup() as group:
            group.create_task(ask(b.pool, "a"))
            await b.settle()
            assert not b.facts.of(RequestQueued)
            for _ in range(2):
                group.create_task(ask(b.pool, "b"))
            await b.settle()
            assert [(f.model, f.place) for f in b.facts.of(RequestQueued)] == [("b", 1), ("b", 2)]
            b.world.auto_answer = True
            answer_all(b.world.children[0])


@in_virtual_time
async def test_places_inside_the_worker_are_told_and_counted_as_waiting() -> None:
    async with bench() as b:
        await b.pool.load("m")
        b.world.auto_answer = False
        async with asyncio.TaskGroup() as group:
            group.create_task(ask(b.pool, "m"))
            wanted = prefill()
            group.create_task(b.pool.call("m", wanted))
            child = await b.child()
            for place in (2, 1):
                child.say(Queued(id=wanted.id, place=place))
            await b.settle()
            queued = b.facts.of(RequestQueued)
            assert [(fact.id, fact.place) for fact in queued] == [(wanted.id, 2), (wanted.id, 1)]
            status = b.pool.workers()[0]
            assert (status.live_requests, status.waiting_requests) == (1, 1)
            child.say(Started(id=wanted.id, prompt_tokens=1))
            await b.settle()
            status = b.pool.workers()[0]
            assert (status.live_requests, status.waiting_requests) == (2, 0)
            answer_all(child)


# ---- how models are loaded ----


@in_virtual_time
async def test_warm_prompts_are_asked_for_at_each_load() -> None:
    async with bench() as b:
        declared = [WarmPrompt(text="You are kind.", source="a plugin")]
        b.warm_prompts = declared
        await b.pool.load("m")
        declared.append(WarmPrompt(text="You are brief."))
        await b.pool.unload("m")
        await b.pool.load("m")
        loads = [
            item for child in b.world.children for item in child.received if isinstance(item, Load)
        ]
        assert [len(load.options.warm_prompts) for load in loads] == [1, 2]


@in_virtual_time
async def test_a_load_names_the_projector_of_its_model() -> None:
    async with bench("a", "b") as b:
        b.library.models["a"] = replace(b.library.models["a"], projector="/models/mmproj-a.gguf")
        found = []
        for name in ("a", "b"):
            await b.pool.load(name)
            child = await b.child()
            found += [m.options.projector for m in child.received if isinstance(m, Load)]
        assert found == ["/models/mmproj-a.gguf", ""]
