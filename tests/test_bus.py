"""The bus: every listener gets every fact, and a slow one costs nobody else anything."""

from __future__ import annotations

import asyncio

import pytest

from hob.bus import Bus
from hob.wire.events import EventsLost, ModelAdded


def fact(name: str) -> ModelAdded:
    return ModelAdded(at=1.0, model=name)


async def test_every_listener_gets_every_fact_in_order() -> None:
    bus = Bus()
    async with bus.subscribe() as one, bus.subscribe() as two:
        for name in "abc":
            bus.publish(fact(name))
        for listener in (one, two):
            assert [await anext(listener) for _ in "abc"] == [fact(name) for name in "abc"]


async def test_a_waiting_listener_is_woken() -> None:
    bus = Bus()
    async with bus.subscribe() as facts, asyncio.TaskGroup() as group:
        waiting = group.create_task(_first(facts))
        await asyncio.sleep(0)
        bus.publish(fact("a"))
        assert await waiting == fact("a")


async def _first(facts: object) -> object:
    return await anext(facts)  # type: ignore[call-overload]


async def test_a_slow_listener_loses_the_oldest_and_is_told_how_many() -> None:
    bus = Bus(queue_limit=2)
    async with bus.subscribe() as facts:
        for name in "abcde":
            bus.publish(fact(name))
        assert await anext(facts) == EventsLost(at=1.0, count=3)
        assert await anext(facts) == fact("d")
        bus.publish(fact("f"))
        assert await anext(facts) == fact("e")
        assert await anext(facts) == fact("f")


async def test_a_slow_listener_costs_the_others_nothing() -> None:
    bus = Bus(queue_limit=1)
    async with bus.subscribe(), bus.subscribe() as quick:
        for name in "abc":
            bus.publish(fact(name))
            assert await anext(quick) == fact(name)


async def test_nothing_is_kept_for_those_who_left() -> None:
    bus = Bus()
    async with bus.subscribe() as facts:
        pass
    bus.publish(fact("a"))
    bus.close()
    async with bus.subscribe() as later:
        with pytest.raises(StopAsyncIteration):
            await anext(later)
    del facts


async def test_closing_gives_out_what_is_held_and_then_ends() -> None:
    bus = Bus()
    async with bus.subscribe() as facts:
        bus.publish(fact("a"))
        bus.close()
        bus.publish(fact("b"))
        assert [event async for event in facts] == [fact("a")]


async def test_closing_ends_a_listener_that_waits() -> None:
    bus = Bus()
    async with bus.subscribe() as facts, asyncio.TaskGroup() as group:
        waiting = group.create_task(_all(facts))
        await asyncio.sleep(0)
        bus.close()
        assert await waiting == []


async def _all(facts: object) -> list[object]:
    return [event async for event in facts]  # type: ignore[attr-defined]
