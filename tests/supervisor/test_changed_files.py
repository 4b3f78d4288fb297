"""Files of loaded models that are written into, replaced, renamed and removed; in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from fakes.in_process import FakeChild
from fakes.pool_bench import Bench, bench, in_virtual_time
from fakes.supervised import ask, prefill, request
from hob.errors import HobError, ModelChanged, ModelNotFound, WorkerDied
from hob.wire.calls import Embed, Embedded
from hob.wire.events import ModelChosen, ModelFailed, ModelReady, ModelUnloaded, RequestFinished


def let_answer(child: FakeChild) -> None:
    for request_id in list(child.live):
        child.answer(request_id)


def loaded_paths(b: Bench) -> list[str]:
    return [child.path.rsplit("/", 1)[-1] for child in b.world.alive()]


# ---- written into ----


@in_virtual_time
async def test_a_file_written_into_ends_what_is_being_answered_and_is_loaded_again() -> None:
    async with bench("a") as b:
        await b.pool.use("a")
        b.world.auto_answer = False
        async with asyncio.TaskGroup() as group:
            answers = [group.create_task(b.failure(ask(b.pool, "a"))) for _ in range(2)]
            await b.settle()
            b.world.children[0].start(next(iter(b.world.children[0].live)))
            b.pool.model_changed(b.library.put("a", b"other"), in_place=True)
            for answer in answers:
                assert isinstance(await answer, ModelChanged)
        assert (await b.facts.wait(ModelUnloaded)).why == "changed"
        await b.facts.wait(ModelReady)
        b.world.auto_answer = True
        assert await ask(b.pool, "a") == "0 1 2 3 "
        assert len(b.world.children) == 2


@in_virtual_time
async def test_a_changed_model_that_nobody_wants_is_only_unloaded() -> None:
    async with bench("a", "b") as b:
        await ask(b.pool, "a")
        b.pool.model_changed(b.library.put("a", b"other"), in_place=True)
        await b.facts.wait(ModelUnloaded, model="a", why="changed")
        await asyncio.sleep(10)
        assert len(b.world.children) == 1


@in_virtual_time
async def test_an_answer_from_a_file_that_changed_meanwhile_is_no_clean_end() -> None:
    """Nobody has told the pool: it looks at the file itself before it says that all is well."""
    async with bench("a") as b:
        await b.pool.use("a")
        b.world.auto_answer = False
        async with asyncio.TaskGroup() as group:
            answer = group.create_task(b.failure(ask(b.pool, "a")))
            child = await b.child()
            b.library.touched[child.path] = 1
            let_answer(child)
            assert isinstance(await answer, ModelChanged)
        assert not b.facts.of(RequestFinished)
        assert (await b.facts.wait(ModelUnloaded)).why == "changed"
        b.world.auto_answer = True
        assert await ask(b.pool, "a") == "0 1 2 3 "


@in_virtual_time
async def test_vectors_from_a_changed_file_are_not_given_out_either() -> None:
    async with bench("a") as b:
        await b.pool.load("a")
        embed = Embed(id="e1", inputs=("x",))
        assert isinstance(await b.pool.call("a", embed), Embedded)
        b.library.touched[b.library.models["a"].path] = 1
        again = Embed(id="e2", inputs=("x",))
        assert isinstance(await b.failure(b.pool.call("a", again)), ModelChanged)


@in_virtual_time
async def test_a_model_found_changed_waits_for_the_library_before_it_is_loaded_again() -> None:
    """Whoever writes into the file may not be done yet."""
    async with bench("a") as b:
        await b.pool.use("a")
        b.library.touched[b.library.models["a"].path] = 1
        assert isinstance(await b.failure(ask(b.pool, "a")), ModelChanged)
        await asyncio.sleep(10)
        assert not b.world.alive()
        b.pool.model_changed(b.library.put("a", b"other"), in_place=True)
        await b.settle()
        assert loaded_paths(b) == ["a.gguf"]


# ---- replaced ----


@in_virtual_time
async def test_a_replaced_file_lets_the_answer_finish_and_is_loaded_for_whoever_waits() -> None:
    async with bench("a") as b:
        await b.pool.load("a")
        b.world.auto_answer = False
        async with asyncio.TaskGroup() as group:
            first = group.create_task(ask(b.pool, "a"))
            await b.settle()
            b.pool.model_changed(b.library.put("a", b"other"), in_place=False)
            later = group.create_task(ask(b.pool, "a"))
            await asyncio.sleep(5)
            assert len(b.world.children) == 1
            b.world.auto_answer = True
            let_answer(b.world.children[0])
            assert [await first, await later] == ["0 1 2 3 "] * 2
        assert len(b.world.children) == 2
        assert (await b.facts.wait(ModelUnloaded)).why == "changed"


@in_virtual_time
async def test_the_chosen_model_is_loaded_anew_when_its_file_was_replaced() -> None:
    async with bench("a") as b:
        await b.pool.use("a")
        b.pool.model_changed(b.library.put("a", b"other"), in_place=False)
        await b.settle()
        assert len(b.world.children) == 2
        assert loaded_paths(b) == ["a.gguf"]


# ---- removed ----


@in_virtual_time
async def test_a_removed_model_finishes_its_answers_and_goes() -> None:
    async with bench("a", "b", max_loaded=1) as b:
        await b.pool.use("a")
        b.world.auto_answer = False
        async with asyncio.TaskGroup() as group:
            answer = group.create_task(ask(b.pool, "a"))
            await b.settle()
            waiting = group.create_task(b.failure(ask(b.pool, "b")))
            await b.settle()
            for name in ("a", "b"):
                del b.library.models[name]
                b.pool.model_removed(name)
            assert isinstance(await waiting, ModelNotFound)
            assert isinstance(await b.failure(ask(b.pool, "a")), ModelNotFound)
            await asyncio.sleep(5)
            let_answer(b.world.children[0])
            assert await answer == "0 1 2 3 "
        assert (await b.facts.wait(ModelUnloaded)).why == "removed"
        assert not b.world.alive()
        assert b.pool.workers() == []


@in_virtual_time
async def test_the_chosen_model_is_loaded_when_its_file_comes_back() -> None:
    async with bench("a", "b") as b:
        await b.pool.use("a")
        del b.library.models["a"]
        b.pool.model_removed("a")
        await asyncio.sleep(100)
        assert not b.world.alive()
        assert b.pool.chosen == "a"
        b.pool.model_added("b")
        b.library.put("a")
        b.pool.model_added("a")
        await b.settle()
        assert loaded_paths(b) == ["a.gguf"]


@in_virtual_time
async def test_a_model_that_comes_back_while_its_old_file_still_answers_gets_a_process() -> None:
    async with bench("a") as b:
        await b.pool.load("a")
        b.world.auto_answer = False
        async with asyncio.TaskGroup() as group:
            old = group.create_task(ask(b.pool, "a"))
            await b.settle()
            b.pool.model_removed("a")
            b.world.auto_answer = True
            assert await ask(b.pool, "a") == "0 1 2 3 "
            assert len(b.world.alive()) == 2
            let_answer(b.world.children[0])
            await old
        await b.settle()
        assert b.world.alive() == [b.world.children[1]]


# ---- renamed ----


@in_virtual_time
async def test_a_renamed_model_goes_on_under_its_new_name() -> None:
    async with bench("a") as b:
        await b.pool.use("a")
        b.world.auto_answer = False
        async with asyncio.TaskGroup() as group:
            answer = group.create_task(ask(b.pool, "a"))
            await b.settle()
            del b.library.models["a"]
            b.pool.model_renamed("a", b.library.put("z"))
            await b.settle()
            assert [worker.model for worker in b.pool.workers()] == ["z"]
            assert b.pool.chosen == "z"
            assert b.used == ["a", "z"]
            assert b.facts.of(ModelChosen)[-1].model == "z"
            let_answer(b.world.children[0])
            assert await answer == "0 1 2 3 "
        b.world.auto_answer = True
        assert await ask(b.pool, "") == "0 1 2 3 "
        assert len(b.world.children) == 1
        assert b.facts.of(RequestFinished)[-1].model == "z"


@in_virtual_time
async def test_a_model_renamed_before_its_file_was_opened_is_loaded_from_its_new_place() -> None:
    async with bench("a") as b:
        b.world.auto_load = False
        async with asyncio.TaskGroup() as group:
            loading = group.create_task(b.pool.load("a"))
            await b.child()
            del b.library.models["a"]
            b.world.auto_load = True
            b.pool.model_renamed("a", b.library.put("z"))
            assert (await loading).model == "z"
        assert loaded_paths(b) == ["z.gguf"]


@in_virtual_time
async def test_a_model_renamed_over_another_takes_its_name() -> None:
    async with bench("a", "b") as b:
        await asyncio.gather(b.pool.load("a"), b.pool.load("b"))
        del b.library.models["b"]
        b.pool.model_renamed("b", b.library.models["a"])
        await b.settle()
        assert [worker.model for worker in b.pool.workers()] == ["a"]
        assert loaded_paths(b) == ["b.gguf"]


# ---- crashes ----


@pytest.mark.parametrize("code", [-6, -11, -7, -8, -4])
def test_a_file_that_crashes_its_load_is_reported_and_not_tried_again(code: int) -> None:
    @in_virtual_time
    async def crash() -> None:
        async with bench("a") as b:
            b.world.auto_load = False
            async with asyncio.TaskGroup() as group:
                failing = group.create_task(b.failure(b.pool.load("a")))
                (await b.child()).die(code)
                assert isinstance(await failing, WorkerDied)
            await b.pool.start("a")
            (await b.child()).die(code)
            await asyncio.sleep(100)
            assert not b.world.alive()
            assert len(b.world.children) == 2
            assert [(info.name, type(error)) for info, error in b.crashes] == [
                ("a", WorkerDied)
            ] * 2
            assert b.facts.of(ModelFailed)[-1].retry_s is None

    crash()


@in_virtual_time
async def test_a_kill_while_loading_and_a_crash_while_answering_say_nothing_of_the_file() -> None:
    async with bench("a") as b:
        b.world.auto_load = False
        async with asyncio.TaskGroup() as group:
            failing = group.create_task(b.failure(b.pool.load("a")))
            (await b.child()).die(-9)
            await failing
        b.world.auto_load = True
        await b.pool.load("a")
        b.world.auto_answer = False
        async with asyncio.TaskGroup() as group:
            failing = group.create_task(b.failure(b.pool.call("a", prefill())))
            child = await b.child()
            child.start(next(iter(child.live)))
            await b.settle()
            child.die(-11)
            await failing
        assert b.crashes == []


@in_virtual_time
async def test_a_model_whose_options_cannot_be_made_fails_its_load() -> None:
    async with bench("a") as b:
        error: HobError = ModelNotFound("The adapter is gone.")

        b.options_error = error
        assert (await b.failure(b.pool.load("a"))).code == "model_not_found"
        b.options_error = None
        async with b.pool.generate("a", request()) as events:
            assert [event async for event in events]
