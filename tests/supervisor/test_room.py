"""Several models in one memory: who is loaded beside whom, who waits, and who takes turns; in
virtual time."""

from __future__ import annotations

import asyncio

from fakes.in_process import FakeChild
from fakes.pool_bench import Bench, bench, in_virtual_time
from fakes.supervised import ask
from hob.errors import OutOfMemory
from hob.supervisor.room_plan import SHARE_S
from hob.wire.engine import Load
from hob.wire.events import ModelReady, ModelUnloaded, RequestHeld, RequestStarted
from hob.wire.generate import Queued

WEIGHTS = {"a": 10_000, "b": 10_000, "c": 10_000, "giant": 10**9}


def warm(b: Bench) -> set[str]:
    return {entry.info.name for entry in b.pool.entries() if entry.state in ("warm", "answering")}


def load_of(child: FakeChild) -> Load:
    return next(item for item in child.received if isinstance(item, Load))


def let_answer(child: FakeChild) -> None:
    for request_id in list(child.live):
        child.answer(request_id)


async def load_slowly(b: Bench, name: str, seconds: float) -> None:
    """Load it in so much time, so that it gets a turn accordingly."""
    b.world.auto_load = False
    async with asyncio.TaskGroup() as group:
        loading = group.create_task(b.pool.load(name))
        child = await b.child()
        await asyncio.sleep(seconds)
        child.finish_load()
        await loading
    b.world.auto_load = True


# ---- memory ----


@in_virtual_time
async def test_a_worker_is_told_what_was_planned() -> None:
    async with bench("a", weights=WEIGHTS, total=15_000) as b:
        await b.pool.load("a")
        options = load_of(b.world.children[0]).options
        assert (options.context_length, options.kv_type) == (5_000, "q8_0")
        # No GPU is known of, so the worker looks for one itself.
        assert options.gpu_layers is None


@in_virtual_time
async def test_models_stay_side_by_side_while_memory_allows_and_the_oldest_leaves_then() -> None:
    async with bench("a", "b", "c", weights=WEIGHTS, total=45_000) as b:
        for name in ("a", "b", "c"):
            await ask(b.pool, name)
            await asyncio.sleep(1)
        assert warm(b) == {"b", "c"}
        assert [(fact.model, fact.why) for fact in b.facts.of(ModelUnloaded)] == [("a", "room")]


@in_virtual_time
async def test_two_loads_at_once_do_not_spend_the_same_memory() -> None:
    async with bench("a", "b", weights=WEIGHTS, total=25_000) as b:
        b.world.auto_load = False
        async with asyncio.TaskGroup() as group:
            for name in ("a", "b"):
                group.create_task(ask(b.pool, name))
            child = await b.child()
            assert len(b.world.alive()) == 1
            b.world.auto_load = True
            child.finish_load()
        assert b.most_alive == 1


@in_virtual_time
async def test_a_model_that_does_not_fit_is_refused_at_once_and_nobody_leaves() -> None:
    async with bench("a", "giant", weights=WEIGHTS, total=25_000) as b:
        await ask(b.pool, "a")
        error = await b.failure(ask(b.pool, "giant"))
        assert isinstance(error, OutOfMemory)
        assert error.details["need_bytes"] == WEIGHTS["giant"] + 10_000
        assert error.details["free_bytes"] == 25_000
        assert "a smaller model" in error.hint
        assert warm(b) == {"a"}


@in_virtual_time
async def test_memory_that_other_programs_take_counts() -> None:
    async with bench("a", "b", weights=WEIGHTS, total=100_000) as b:
        assert b.budget is not None
        await ask(b.pool, "a")
        b.budget.others = 75_000
        await ask(b.pool, "b")
        assert warm(b) == {"b"}
        b.budget.others = 99_000
        assert isinstance(await b.failure(ask(b.pool, "a")), OutOfMemory)


@in_virtual_time
async def test_the_displaced_chosen_model_comes_back_when_another_program_has_ended() -> None:
    async with bench("a", "b", weights=WEIGHTS, total=25_000) as b:
        assert b.budget is not None
        await b.pool.use("a")
        await ask(b.pool, "b")
        assert warm(b) == {"b"}
        b.budget.total = 50_000
        b.facts.all.clear()
        await asyncio.sleep(61)
        assert warm(b) == {"a", "b"}


@in_virtual_time
async def test_a_request_that_waits_for_room_is_told_why() -> None:
    async with bench("a", "b", weights=WEIGHTS, total=25_000) as b:
        await b.pool.load("a")
        b.world.auto_answer = False
        async with asyncio.TaskGroup() as group:
            group.create_task(ask(b.pool, "a"))
            await b.settle()
            group.create_task(ask(b.pool, "b"))
            await b.settle()
            held = b.facts.of(RequestHeld)
            assert [(fact.model, fact.why) for fact in held] == [
                (
                    "b",
                    "Waits until a has finished its answers:"
                    " there is no room for both models at once.",
                )
            ]
            b.world.auto_answer = True
            let_answer(b.world.children[0])


@in_virtual_time
async def test_every_model_says_whether_it_would_fit() -> None:
    async with bench("a", "giant", weights=WEIGHTS, total=25_000) as b:
        await b.pool.load("a")
        verdicts = {entry.info.name: entry.verdict for entry in b.pool.entries()}
        assert verdicts == {"a": "cpu", "giant": "no"}


# ---- turns ----


@in_virtual_time
async def test_a_model_just_loaded_takes_newcomers_for_its_turn_before_it_makes_room() -> None:
    async with bench("a", "b", weights=WEIGHTS, total=25_000) as b:
        await load_slowly(b, "a", seconds=5)
        b.world.auto_answer = False
        async with asyncio.TaskGroup() as group:
            group.create_task(ask(b.pool, "a"))
            await b.settle()
            other = group.create_task(ask(b.pool, "b"))
            await b.settle()
            early = group.create_task(ask(b.pool, "a"))
            await b.settle()
            assert len(b.world.children[0].live) == 2
            await asyncio.sleep(21)
            late = group.create_task(ask(b.pool, "a"))
            await b.settle()
            assert len(b.world.children[0].live) == 2
            b.world.auto_answer = True
            let_answer(b.world.children[0])
            await early
            await other
            assert not late.done()
            await late


@in_virtual_time
async def test_requests_that_wait_inside_a_promised_worker_give_way_after_a_while() -> None:
    async with bench("a", "b", weights=WEIGHTS, total=25_000, stall_timeout_s=10_000) as b:
        await b.pool.load("a")
        b.world.auto_answer = False
        async with asyncio.TaskGroup() as group:
            first = group.create_task(ask(b.pool, "a"))
            await b.settle()
            (heard,) = b.world.children[0].live
            rest = [group.create_task(ask(b.pool, "a")) for _ in range(3)]
            await b.settle()
            unheard = set(b.world.children[0].live) - {heard}
            b.world.children[0].say(Queued(id=min(unheard), place=1))
            other = group.create_task(ask(b.pool, "b"))
            await b.settle()
            b.world.children[0].start(heard)
            await asyncio.sleep(SHARE_S + 1)
            assert list(b.world.children[0].live) == [heard]
            b.world.auto_answer = True
            let_answer(b.world.children[0])
            assert await first == "0 1 2 3 "
            await other
            assert not any(task.done() for task in rest)
            assert [await task for task in rest] == ["0 1 2 3 "] * 3


@in_virtual_time
async def test_two_crowds_for_two_models_take_turns_without_thrashing() -> None:
    """Each client asks again as soon as it is answered; loads take a second, answers a tenth."""
    async with bench("a", "b", weights=WEIGHTS, total=25_000, stall_timeout_s=10_000) as b:
        b.world.load_s, b.world.answer_s = 1.0, 0.1
        longest: dict[str, float] = {"a": 0, "b": 0}
        now = asyncio.get_running_loop().time

        async def client(model: str) -> None:
            while True:
                asked = now()
                await ask(b.pool, model)
                longest[model] = max(longest[model], now() - asked)

        clients = [asyncio.ensure_future(client(model)) for model in "aabb"]
        await asyncio.sleep(300)
        loads = len(b.facts.of(ModelReady))
        for task in clients:
            task.cancel()
        await asyncio.wait(clients)
        assert 20 < loads <= 300 / 5 + 1
        assert max(longest.values()) < 15
        answered = [fact.model for fact in b.facts.of(RequestStarted)]
        assert min(answered.count("a"), answered.count("b")) > 1_000


@in_virtual_time
async def test_a_person_who_chooses_another_model_waits_for_nobody_who_might_ask_again() -> None:
    async with bench("a", "b", weights=WEIGHTS, total=25_000) as b:
        await load_slowly(b, "a", seconds=5)
        await ask(b.pool, "a")
        before = asyncio.get_running_loop().time()
        await b.pool.use("b")
        assert asyncio.get_running_loop().time() - before < 0.01


# ---- other programs ----


@in_virtual_time
async def test_idle_models_leave_for_other_programs_and_the_chosen_one_only_when_it_may() -> None:
    async with bench("a", "b", weights=WEIGHTS, total=100_000) as b:
        await b.pool.use("a")
        await ask(b.pool, "b")
        assert b.pool.relieve("off") == ""
        assert [b.pool.relieve("idle"), b.pool.relieve("idle")] == ["b", ""]
        assert (await b.facts.wait(ModelUnloaded)).why == "pressure"
        assert b.pool.relieve("all") == "a"
        await b.settle()
        assert not b.world.alive()
        await asyncio.sleep(10)
        assert not b.world.alive(), "it came back at once"
