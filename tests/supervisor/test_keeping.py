"""How long models stay, and loads that are taken back; in virtual time."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from fakes.in_process import FakeChild
from fakes.pool_bench import Bench, bench, in_virtual_time
from fakes.supervised import ask, request, tokenize
from hob.errors import Cancelled
from hob.wire.events import ModelChosen, ModelReady, ModelUnloaded


def warm(b: Bench) -> set[str]:
    return {entry.info.name for entry in b.pool.entries() if entry.state == "warm"}


async def ask_keeping(b: Bench, model: str, keep_alive: float | None) -> None:
    async with b.pool.generate(model, request(), keep_alive=keep_alive) as events:
        assert [event async for event in events]


def let_answer(child: FakeChild) -> None:
    for request_id in list(child.live):
        child.answer(request_id)


# ---- keep_alive ----


@in_virtual_time
async def test_a_request_says_how_long_its_model_stays_and_later_ones_keep_to_it() -> None:
    async with bench("a", idle_unload_s=1_000) as b:
        await ask_keeping(b, "a", 50)
        await asyncio.sleep(40)
        await ask_keeping(b, "a", None)
        await asyncio.sleep(40)
        assert warm(b) == {"a"}
        await asyncio.sleep(11)
        assert warm(b) == set()
        await b.pool.call("a", tokenize(), keep_alive=2_000)
        await asyncio.sleep(1_500)
        assert warm(b) == {"a"}


@in_virtual_time
async def test_zero_unloads_after_the_answer_when_nobody_else_uses_it() -> None:
    async with bench("a") as b:
        await b.pool.load("a")
        b.world.auto_answer = False
        async with asyncio.TaskGroup() as group:
            first = group.create_task(ask_keeping(b, "a", 0))
            await b.settle()
            second = group.create_task(ask(b.pool, "a"))
            await b.settle()
            one, other = b.world.children[0].live
            b.world.children[0].answer(one)
            await first
            await asyncio.sleep(5)
            assert b.world.alive()
            b.world.children[0].answer(other)
            await second
        assert (await b.facts.wait(ModelUnloaded)).why == "idle"
        assert not b.world.alive()


@in_virtual_time
async def test_a_negative_time_keeps_the_model_until_it_is_unloaded() -> None:
    async with bench("a", idle_unload_s=10) as b:
        await ask_keeping(b, "a", -1)
        await asyncio.sleep(100_000)
        assert warm(b) == {"a"}
        await b.pool.unload("a")
        assert warm(b) == set()


@in_virtual_time
async def test_the_chosen_model_stays_but_for_a_request_that_unloads_it() -> None:
    async with bench("a", idle_unload_s=10) as b:
        await b.pool.use("a")
        await ask_keeping(b, "a", 5)
        await asyncio.sleep(100)
        assert warm(b) == {"a"}
        await ask_keeping(b, "a", 0)
        await asyncio.sleep(1_000)
        assert warm(b) == set()
        await ask(b.pool, "a")
        await asyncio.sleep(100)
        assert warm(b) == {"a"}


@in_virtual_time
async def test_a_setting_that_keeps_every_model_gives_way_to_a_request() -> None:
    async with bench("a", "b", idle_unload_s=0) as b:
        await ask(b.pool, "b")
        await ask_keeping(b, "a", 10)
        await asyncio.sleep(100_000)
        assert warm(b) == {"b"}


# ---- loads that are taken back ----


@in_virtual_time
async def test_a_load_whose_only_caller_leaves_is_ended() -> None:
    async with bench("a") as b:
        b.world.auto_load = False
        loading = asyncio.ensure_future(b.pool.load("a"))
        await b.child()
        loading.cancel()
        await asyncio.wait({loading})
        await b.settle()
        assert not b.world.alive()
        assert (await b.facts.wait(ModelUnloaded)).why == "asked"


@in_virtual_time
async def test_a_load_that_others_wait_for_goes_on_when_one_leaves() -> None:
    async with bench("a") as b:
        b.world.auto_load = False
        async with asyncio.TaskGroup() as group:
            leaves = asyncio.ensure_future(b.pool.load("a"))
            await b.child()
            stays = group.create_task(ask(b.pool, "a"))
            also = group.create_task(b.pool.load("a"))
            child = await b.child()
            leaves.cancel()
            await b.settle()
            child.finish_load()
            assert await stays == "0 1 2 3 "
            assert (await also).state == "ready"
        assert len(b.world.children) == 1


@in_virtual_time
async def test_leaving_the_load_of_the_chosen_model_does_not_end_it() -> None:
    async with bench("a") as b:
        b.world.auto_load = False
        await b.pool.start("a")
        child = await b.child()
        loading = asyncio.ensure_future(b.pool.load("a"))
        await b.settle()
        loading.cancel()
        await b.settle()
        child.finish_load()
        await b.facts.wait(ModelReady)


@in_virtual_time
async def test_a_choice_that_is_taken_back_leaves_the_one_before() -> None:
    async with bench("a", "b") as b:
        await b.pool.use("a")
        b.world.auto_load = False
        using = asyncio.ensure_future(b.pool.use("b"))
        await b.child()
        using.cancel()
        await asyncio.wait({using})
        await b.settle()
        assert b.pool.chosen == "a"
        assert [fact.model for fact in b.facts.of(ModelChosen)] == ["a", "b", "a"]
        assert [child.path[-6:] for child in b.world.alive()] == ["a.gguf"]


@in_virtual_time
async def test_the_first_choice_that_is_taken_back_leaves_none() -> None:
    async with bench("a") as b:
        b.world.auto_load = False
        using = asyncio.ensure_future(b.pool.use("a"))
        await b.child()
        using.cancel()
        await asyncio.wait({using})
        await b.settle()
        assert b.pool.chosen == ""
        assert not b.world.alive()


@in_virtual_time
async def test_cancelling_a_load_tells_all_who_wait_for_it() -> None:
    async with bench("a", "b") as b:
        await b.pool.use("b")
        b.world.auto_load = False
        async with asyncio.TaskGroup() as group:
            waiting = [
                group.create_task(b.failure(doing))
                for doing in (b.pool.load("a"), ask(b.pool, "a"), b.pool.use("a"))
            ]
            await b.child()
            assert await b.pool.cancel("a")
            for task in waiting:
                assert isinstance(await task, Cancelled)
        assert b.pool.chosen == "b"
        assert [child.path[-6:] for child in b.world.alive()] == ["b.gguf"]
        assert not await b.pool.cancel("a")
        assert not await b.pool.cancel("b"), "a loaded model is not unloaded by it"


@in_virtual_time
async def test_cancelling_the_wait_for_room_ends_it() -> None:
    async with bench("a", "b", max_loaded=1) as b:
        await b.pool.load("a")
        b.world.auto_answer = False
        async with asyncio.TaskGroup() as group:
            answer = group.create_task(ask(b.pool, "a"))
            await b.settle()
            waiting = group.create_task(b.failure(b.pool.load("b")))
            await b.settle()
            assert await b.pool.cancel("b")
            assert isinstance(await waiting, Cancelled)
            let_answer(b.world.children[0])
            await answer
        assert len(b.world.children) == 1


@in_virtual_time
async def test_the_chosen_model_stays_away_when_its_load_was_cancelled() -> None:
    async with bench("a") as b:
        b.world.auto_load = False
        await b.pool.start("a")
        await b.child()
        assert await b.pool.cancel("a")
        await asyncio.sleep(100)
        assert len(b.world.children) == 1


# ---- profiles ----


@in_virtual_time
async def test_a_profile_that_loads_nothing_is_answered_by_its_models_worker() -> None:
    async with bench("a") as b:
        profile = msgspec.structs.replace(
            b.library.models["a"], name="writer", base="a", served_by="a"
        )
        b.library.models["writer"] = profile
        await b.pool.use("writer")
        assert await ask(b.pool, "") == "0 1 2 3 "
        assert await ask(b.pool, "a") == "0 1 2 3 "
        assert len(b.world.children) == 1
        assert b.pool.chosen == "writer"
        assert [(w.model, w.chosen) for w in b.pool.workers()] == [("a", True)]
        assert {entry.info.name: entry.state for entry in b.pool.entries()} == {
            "a": "warm",
            "writer": "warm",
        }
        await b.pool.unload("writer")
        assert not b.world.alive()


# ---- what a person says ----


@in_virtual_time
async def test_the_chosen_model_is_kept_for_a_time_after_its_last_answer_and_leaves() -> None:
    async with bench("a", idle_unload_s=10) as b:
        await b.pool.use("a")
        await b.pool.keep("a", 900)
        await asyncio.sleep(800)
        await ask(b.pool, "a")
        await asyncio.sleep(800)
        assert warm(b) == {"a"}
        await asyncio.sleep(101)
        assert warm(b) == set()
        assert b.pool.chosen == "a"


@in_virtual_time
async def test_after_it_was_unloaded_the_usual_time_counts_again() -> None:
    async with bench("a") as b:
        await b.pool.use("a")
        await b.pool.keep("a", 60)
        await asyncio.sleep(61)
        assert warm(b) == set()
        await ask(b.pool, "a")
        await asyncio.sleep(100_000)
        assert warm(b) == {"a"}


@in_virtual_time
async def test_a_model_is_kept_for_good_although_requests_and_settings_say_otherwise() -> None:
    async with bench("a", idle_unload_s=10) as b:
        await b.pool.keep("a", None)
        await ask_keeping(b, "a", 5)
        await asyncio.sleep(100_000)
        assert warm(b) == {"a"}
        await b.pool.unload("a")
        await ask(b.pool, "a")
        await asyncio.sleep(11)
        assert warm(b) == set()


@in_virtual_time
async def test_choosing_a_model_anew_keeps_it_warm_as_ever() -> None:
    async with bench("a", idle_unload_s=10) as b:
        await b.pool.keep("a", 60)
        await b.pool.use("a")
        await asyncio.sleep(100_000)
        assert warm(b) == {"a"}


@in_virtual_time
async def test_the_status_tells_until_when_a_model_stays() -> None:
    async with bench("a", idle_unload_s=10) as b:
        await b.pool.use("a")
        assert b.pool.workers()[0].unload_at is None
        told = await b.pool.keep("a", 900)
        assert told.keep_for_s == 900
        assert told.unload_at is not None
        assert told.last_used is not None
        assert told.unload_at == pytest.approx(told.last_used + 900)
        told = await b.pool.keep("a", None)
        assert (told.keep_for_s, told.unload_at) == (None, None)
