"""A process that is started ahead of a switch; in virtual time."""

from __future__ import annotations

import asyncio

from fakes.pool_bench import bench, in_virtual_time
from fakes.supervised import ask
from hob.supervisor.spare import AGAIN_AFTER_S, KEPT_FOR_ANOTHER_S, KEPT_S


@in_virtual_time
async def test_a_switch_does_not_wait_for_a_process_to_start() -> None:
    async with bench("a", "b", max_loaded=1, start_ahead=True) as b:
        await b.pool.load("a")
        b.world.obeys_stop = False
        async with asyncio.TaskGroup() as group:
            answer = group.create_task(ask(b.pool, "b"))
            await b.settle()
            old, ahead = b.world.alive()
            assert ahead.path == "", "it has loaded before there was room"
            b.world.obeys_stop = True
            old.die(0)
            assert await answer == "0 1 2 3 "
        assert b.world.children == [old, ahead]


@in_virtual_time
async def test_a_process_that_nobody_takes_goes() -> None:
    async with bench("a", "b", max_loaded=1, start_ahead=True) as b:
        await b.pool.load("a")
        b.world.obeys_stop = False
        leaves = asyncio.ensure_future(ask(b.pool, "b"))
        await b.settle()
        leaves.cancel()
        b.world.children[0].die(0)
        await b.settle()
        assert len(b.world.alive()) == 1
        await asyncio.sleep(KEPT_S)
        assert not b.world.alive()


@in_virtual_time
async def test_a_process_started_ahead_that_dies_is_replaced() -> None:
    async with bench("a", "b", max_loaded=1, start_ahead=True) as b:
        await b.pool.load("a")
        b.world.obeys_stop = False
        async with asyncio.TaskGroup() as group:
            answer = group.create_task(ask(b.pool, "b"))
            await b.settle()
            old, ahead = b.world.alive()
            ahead.die(-9)
            await b.settle()
            b.world.obeys_stop = True
            old.die(0)
            assert await answer == "0 1 2 3 "
        assert len(b.world.children) == 3


@in_virtual_time
async def test_one_that_was_taken_belongs_to_its_model() -> None:
    async with bench("a", "b", max_loaded=1, start_ahead=True) as b:
        await ask(b.pool, "a")
        await ask(b.pool, "b")
        (child,) = b.world.alive()
        child.die(-11)
        await b.settle()
        assert await ask(b.pool, "b") == "0 1 2 3 "
        await b.pool.unload("b")
        assert not b.world.alive()


@in_virtual_time
async def test_closing_ends_a_process_that_was_started_ahead() -> None:
    async with bench("a", "b", max_loaded=1, start_ahead=True) as b:
        await b.pool.load("a")
        b.world.obeys_stop = False
        waiting = asyncio.ensure_future(b.failure(ask(b.pool, "b")))
        await b.settle()
        assert len(b.world.alive()) == 2
        await b.pool.aclose()
        assert (await waiting).code == "shutting_down"
        assert not b.world.alive()


@in_virtual_time
async def test_after_a_switch_one_is_ready_for_the_way_back_for_a_while() -> None:
    async with bench("a", "b", max_loaded=1, start_ahead=True) as b:
        await b.pool.load("a")
        await ask(b.pool, "b")
        (loaded,) = b.world.alive()
        await asyncio.sleep(AGAIN_AFTER_S + 1)
        _, ready = b.world.alive()
        assert ready.path == ""
        await ask(b.pool, "a")
        assert b.world.alive() == [ready]
        assert loaded is not ready
        await asyncio.sleep(AGAIN_AFTER_S + 1)
        assert len(b.world.alive()) == 2
        await asyncio.sleep(KEPT_FOR_ANOTHER_S)
        assert b.world.alive() == [ready]
