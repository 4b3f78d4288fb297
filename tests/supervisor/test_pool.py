"""Who may be loaded, who waits, and which model stays warm; in virtual time."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from fakes.in_process import FakeChild
from fakes.pool_bench import Bench, bench, in_virtual_time
from fakes.supervised import ask, request
from hob.errors import (
    BadModelFile,
    Cancelled,
    HobError,
    ModelLoadFailed,
    ModelNotFound,
    NoModels,
    Overloaded,
    ShuttingDown,
)
from hob.wire.base import ErrorInfo
from hob.wire.engine import LoadFailed
from hob.wire.events import (
    ModelChosen,
    ModelFailed,
    ModelReady,
    ModelUnloaded,
    RequestFailed,
    RequestFinished,
)


def states(b: Bench) -> dict[str, str]:
    return {entry.info.name: entry.state for entry in b.pool.entries()}


def let_answer(child: FakeChild) -> None:
    """The answers that a test held back."""
    for request_id in list(child.live):
        child.answer(request_id)


# ---- the chosen model ----


@in_virtual_time
async def test_the_chosen_model_is_loaded_at_start_and_answers_unnamed_requests() -> None:
    async with bench("a", "b") as b:
        await b.pool.start("a")
        await b.facts.wait(ModelReady, model="a")
        assert await ask(b.pool, "") == "0 1 2 3 "
        assert states(b) == {"a": "warm", "b": "available"}
        assert [entry.chosen for entry in b.pool.entries()] == [True, False]


@in_virtual_time
async def test_a_chosen_model_that_is_gone_is_told_and_the_others_are_served() -> None:
    async with bench("a") as b:
        await b.pool.start("gone")
        assert (await b.facts.wait(ModelFailed)).error.code == "model_not_found"
        assert await ask(b.pool, "a") == "0 1 2 3 "


@in_virtual_time
async def test_without_a_chosen_model_an_unnamed_request_says_what_to_do() -> None:
    async with bench("a") as b:
        assert isinstance(await b.failure(ask(b.pool, "")), ModelNotFound)
        b.library.models.clear()
        error = await b.failure(ask(b.pool, ""))
        assert isinstance(error, NoModels)
        assert "hob models pull" in error.hint


@in_virtual_time
async def test_problems_of_the_library_reach_the_caller() -> None:
    async with bench("a") as b:
        assert isinstance(await b.failure(b.pool.load("nope")), ModelNotFound)
        assert isinstance(await b.failure(b.pool.unload("nope")), ModelNotFound)
        assert isinstance(await b.failure(b.pool.use("nope")), ModelNotFound)
        assert b.pool.chosen == ""
        problem = ErrorInfo.of(BadModelFile("Cut short."))
        info = b.library.models["a"]
        b.library.models["a"] = type(info)(
            name="a", path=info.path, file_bytes=1, modified_at=1, problem=problem
        )
        assert states(b) == {"a": "bad"}


@in_virtual_time
async def test_using_a_model_loads_it_tells_it_and_remembers_it() -> None:
    async with bench("a", "b") as b:
        status = await b.pool.use("b")
        assert (status.model, status.state, status.chosen) == ("b", "ready", True)
        assert b.pool.chosen == "b"
        assert b.used == ["b"]
        assert b.facts.of(ModelChosen)[0].model == "b"


@in_virtual_time
async def test_using_a_model_that_cannot_be_loaded_keeps_the_one_before() -> None:
    async with bench("a", "b", max_loaded=1) as b:
        await b.pool.start("a")
        await b.facts.wait(ModelReady, model="a")
        b.world.auto_load = False
        async with asyncio.TaskGroup() as group:
            failing = group.create_task(b.failure(b.pool.use("b")))
            child = await b.child()
            b.world.auto_load = True
            child.say(LoadFailed(error=ErrorInfo(code="model_load_failed", message="Too odd.")))
            assert isinstance(await failing, ModelLoadFailed)
        assert b.pool.chosen == "a"
        assert b.used == ["b", "a"]
        await b.facts.wait(ModelReady, model="a")


@in_virtual_time
async def test_the_old_chosen_model_finishes_its_answer_before_it_makes_room() -> None:
    async with bench("a", "b", max_loaded=1) as b:
        await b.pool.start("a")
        await b.facts.wait(ModelReady, model="a")
        b.world.auto_answer = False
        async with asyncio.TaskGroup() as group:
            answer = group.create_task(ask(b.pool, "a"))
            await b.settle()
            using = group.create_task(b.pool.use("b"))
            await asyncio.sleep(10)
            assert not using.done()
            let_answer(b.world.children[0])
            assert await answer == "0 1 2 3 "
            assert (await using).state == "ready"
        assert [child.path[-6:] for child in b.world.alive()] == ["b.gguf"]


@in_virtual_time
async def test_a_displaced_chosen_model_comes_back_when_a_place_is_free() -> None:
    async with bench("a", "b", max_loaded=1, idle_unload_s=100) as b:
        await b.pool.start("a")
        await b.facts.wait(ModelReady, model="a")
        await ask(b.pool, "b")
        assert states(b) == {"a": "available", "b": "warm"}
        assert (await b.facts.wait(ModelUnloaded, model="b")).why == "idle"
        await b.facts.wait(ModelReady, model="a")


# ---- room ----


@in_virtual_time
async def test_a_second_model_is_loaded_beside_the_first_while_there_is_room() -> None:
    async with bench("a", "b", max_loaded=2) as b:
        await asyncio.gather(ask(b.pool, "a"), ask(b.pool, "b"))
        assert states(b) == {"a": "warm", "b": "warm"}


@in_virtual_time
async def test_the_least_recently_used_model_makes_room() -> None:
    async with bench("a", "b", "c", max_loaded=2) as b:
        for model in ("a", "b", "a", "c"):
            await ask(b.pool, model)
            await asyncio.sleep(1)
        assert states(b) == {"a": "warm", "b": "available", "c": "warm"}
        assert [(fact.model, fact.why) for fact in b.facts.of(ModelUnloaded)] == [("b", "room")]


@in_virtual_time
async def test_the_chosen_model_stays_when_another_can_go() -> None:
    async with bench("a", "b", "c", max_loaded=2) as b:
        await b.pool.use("a")
        await asyncio.sleep(1)
        await ask(b.pool, "b")
        await ask(b.pool, "c")
        assert states(b) == {"a": "warm", "b": "available", "c": "warm"}


@in_virtual_time
async def test_requests_for_many_models_share_one_place_and_all_are_answered() -> None:
    async with bench("a", "b", "c", max_loaded=1) as b:
        answers = await asyncio.gather(*(ask(b.pool, model) for model in "abcabcabc"))
        assert answers == ["0 1 2 3 "] * 9
        assert b.most_alive == 1


@in_virtual_time
async def test_a_model_in_constant_use_does_not_keep_another_out_for_ever() -> None:
    async with bench("a", "b", max_loaded=1) as b:
        await b.pool.load("a")
        b.world.auto_answer = False
        async with asyncio.TaskGroup() as group:
            group.create_task(ask(b.pool, "a"))
            await b.settle()
            other = group.create_task(ask(b.pool, "b"))
            await b.settle()
            later = group.create_task(ask(b.pool, "a"))
            await b.settle()
            b.world.auto_answer = True
            let_answer(b.world.children[0])
            await other
            assert not later.done()
            await later
        assert len(b.world.children) == 3


@in_virtual_time
async def test_leaving_while_waiting_for_room_lets_the_next_one_in() -> None:
    async with bench("a", "b", "c", max_loaded=1) as b:
        await b.pool.load("a")
        b.world.auto_answer = False
        async with asyncio.TaskGroup() as group:
            group.create_task(ask(b.pool, "a"))
            await b.settle()
            gone = asyncio.ensure_future(ask(b.pool, "b"))
            await b.settle()
            kept = group.create_task(ask(b.pool, "c"))
            await b.settle()
            gone.cancel()
            await asyncio.wait({gone})
            b.world.auto_answer = True
            let_answer(b.world.children[0])
            assert await kept == "0 1 2 3 "
        assert not [child for child in b.world.children if child.path.endswith("b.gguf")]
        assert isinstance(b.facts.of(RequestFailed)[0].error.error(), Cancelled)


@in_virtual_time
async def test_unloading_a_model_that_waits_for_room_ends_the_wait() -> None:
    async with bench("a", "b", max_loaded=1) as b:
        await b.pool.load("a")
        b.world.auto_answer = False
        async with asyncio.TaskGroup() as group:
            group.create_task(ask(b.pool, "a"))
            await b.settle()
            asking = group.create_task(b.failure(ask(b.pool, "b")))
            loading = group.create_task(b.failure(b.pool.load("b")))
            await b.settle()
            await b.pool.unload("b")
            assert (await asking).code == (await loading).code == "worker_unavailable"
            let_answer(b.world.children[0])


@in_virtual_time
async def test_a_crashed_model_gives_its_place_to_another() -> None:
    async with bench("a", "b", max_loaded=1) as b:
        await ask(b.pool, "a")
        b.world.children[0].die(-11)
        assert await ask(b.pool, "b") == "0 1 2 3 "


@in_virtual_time
async def test_a_model_that_is_being_loaded_is_not_ended_to_make_room() -> None:
    async with bench("a", "b", max_loaded=1) as b:
        b.world.auto_load = False
        await b.pool.start("a")
        child = await b.child()
        async with asyncio.TaskGroup() as group:
            answer = group.create_task(ask(b.pool, "b"))
            await asyncio.sleep(10)
            assert b.world.alive() == [child]
            b.world.auto_load = True
            child.finish_load()
            assert await answer == "0 1 2 3 "
        assert b.facts.of(ModelReady)[0].model == "a"


# ---- idleness ----


@in_virtual_time
async def test_a_model_leaves_when_nobody_used_it_for_the_idle_time() -> None:
    async with bench("a", "b", idle_unload_s=100) as b:
        await b.pool.use("a")
        await ask(b.pool, "b")
        await asyncio.sleep(90)
        await ask(b.pool, "b")
        await asyncio.sleep(90)
        assert states(b) == {"a": "warm", "b": "warm"}
        await asyncio.sleep(11)
        assert states(b) == {"a": "warm", "b": "available"}
        assert b.facts.of(ModelUnloaded)[0].why == "idle"


@in_virtual_time
async def test_a_long_answer_is_not_idleness() -> None:
    async with bench("a", idle_unload_s=100, stall_timeout_s=10_000) as b:
        await b.pool.load("a")
        b.world.auto_answer = False
        async with asyncio.TaskGroup() as group:
            answer = group.create_task(ask(b.pool, "a"))
            await asyncio.sleep(1_000)
            let_answer(b.world.children[0])
            assert await answer == "0 1 2 3 "


# ---- bounds and the end ----


@in_virtual_time
async def test_more_requests_than_the_bound_are_refused_and_the_rest_answered() -> None:
    async with bench("a", max_queued=3) as b:
        b.world.auto_answer = False
        async with asyncio.TaskGroup() as group:
            answers = [group.create_task(ask(b.pool, "a")) for _ in range(3)]
            await b.settle()
            assert isinstance(await b.failure(ask(b.pool, "a")), Overloaded)
            let_answer(b.world.children[0])
            assert [await answer for answer in answers] == ["0 1 2 3 "] * 3
        b.world.auto_answer = True
        assert await ask(b.pool, "a") == "0 1 2 3 "


@in_virtual_time
async def test_draining_lets_answers_finish_and_refuses_new_work() -> None:
    async with bench("a") as b:
        await b.pool.load("a")
        b.world.auto_answer = False
        async with asyncio.TaskGroup() as group:
            answer = group.create_task(ask(b.pool, "a"))
            await b.settle()
            draining = group.create_task(b.pool.drain(10))
            await asyncio.sleep(5)
            for refused in (ask(b.pool, "a"), b.pool.load("a"), b.pool.use("a")):
                assert isinstance(await b.failure(refused), ShuttingDown)
            let_answer(b.world.children[0])
            assert await answer == "0 1 2 3 "
            await draining
        assert asyncio.get_running_loop().time() < 1_006
        assert (await b.facts.wait(ModelUnloaded)).why == "shutdown"
        assert b.facts.of(RequestFinished)


@in_virtual_time
async def test_what_does_not_finish_within_the_grace_gets_an_error() -> None:
    async with bench("a", "b", max_loaded=1) as b:
        await b.pool.load("a")
        b.world.auto_answer = False
        async with asyncio.TaskGroup() as group:
            failing = [group.create_task(b.failure(ask(b.pool, model))) for model in "ab"]
            await b.settle()
            await b.pool.drain(10)
            for task in failing:
                assert isinstance(await task, ShuttingDown)
        assert not b.world.alive()


@in_virtual_time
async def test_draining_an_unused_pool_takes_no_time() -> None:
    async with bench("a") as b:
        await b.pool.drain(10)
        assert asyncio.get_running_loop().time() == pytest.approx(1_000, abs=0.01)
        with pytest.raises(HobError):
            await b.pool.load("a")


@in_virtual_time
async def test_closing_twice_is_the_same_as_once() -> None:
    async with bench("a") as b:
        await ask(b.pool, "a")
        await asyncio.gather(b.pool.aclose(), b.pool.aclose())
        await b.pool.drain(1)


@in_virtual_time
async def test_cancelling_whoever_waits_leaves_the_pool_well() -> None:
    """Waiting for a load, for room, for an unload and for text."""
    async with bench("a", "b", max_loaded=1) as b:
        b.world.auto_load = False
        loading = asyncio.ensure_future(b.pool.load("a"))
        waiting = asyncio.ensure_future(b.pool.load("b"))
        await b.settle()
        for task in (loading, waiting):
            task.cancel()
        await asyncio.wait({loading, waiting})
        b.world.auto_load = True
        await b.pool.load("a")
        b.world.obeys_stop = False
        unloading = asyncio.ensure_future(b.pool.unload("a"))
        await b.settle()
        unloading.cancel()
        await asyncio.wait({unloading})
        b.world.obeys_stop = True
        assert await ask(b.pool, "b") == "0 1 2 3 "
        b.world.auto_answer = False
        async with b.pool.generate("b", request()) as events:
            reading = asyncio.ensure_future(anext(events))
            await b.settle()
            reading.cancel()
            await asyncio.wait({reading})
        b.world.auto_answer = True
        assert await ask(b.pool, "b") == "0 1 2 3 "
        assert b.most_alive == 1


@in_virtual_time
async def test_a_fault_of_the_supervisor_leaves_nobody_waiting() -> None:
    async with bench("a", "b", max_loaded=1) as b:
        b.world.spawn_error = cast("OSError", RuntimeError("a mistake of ours"))
        errors = await asyncio.gather(*(b.failure(ask(b.pool, name)) for name in ("a", "b", "a")))
        assert [error.code for error in errors] == ["internal"] * 3
        b.world.spawn_error = None
        assert await ask(b.pool, "a") == "0 1 2 3 "
