"""When the folders are looked at, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from fakes import virtual_time
from hob.models.pace import LEAST_GAP_S, THOROUGH_S, TICK_S, Pace, Round


class Looks:
    """Each look with when it was and whether it was thorough; the tests say what it finds."""

    def __init__(self) -> None:
        self.at: list[float] = []
        self.thorough: list[bool] = []
        self.found = Round()
        self.cost_s = 0.0
        self.news = False
        self.drift = 0.0
        self.fails = 0
        self.pace = Pace(self.look, self.glance, lambda: self.drift)

    async def look(self, thorough: bool) -> Round:
        self.at.append(asyncio.get_running_loop().time())
        self.thorough.append(thorough)
        await asyncio.sleep(self.cost_s)
        if self.fails:
            self.fails -= 1
            raise OSError("the disk is on fire")
        return self.found

    async def glance(self) -> bool:
        return self.news


def run(play: Callable[[Looks], Coroutine[Any, Any, None]]) -> Looks:
    """What was looked at while `play` ran; it begins after the first look."""
    looks = Looks()

    async def main() -> None:
        task = asyncio.create_task(looks.pace.run())
        await asyncio.sleep(0.001)
        try:
            await play(looks)
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    virtual_time.run(main())
    return looks


def gaps(looks: Looks) -> list[float]:
    return [round(b - a, 3) for a, b in zip(looks.at, looks.at[1:], strict=False)]


def test_without_events_it_looks_once_a_minute_at_everything() -> None:
    looks = run(lambda looks: asyncio.sleep(3 * THOROUGH_S + 1))
    assert len(looks.at) == 4
    assert looks.thorough == [True] * 4


def test_an_event_brings_a_look_at_once() -> None:
    async def play(looks: Looks) -> None:
        await asyncio.sleep(1)
        looks.pace.wake()
        await asyncio.sleep(0.01)
        assert len(looks.at) == 2

    assert run(play).thorough == [True, False]


def test_a_flood_of_events_brings_few_looks() -> None:
    async def play(looks: Looks) -> None:
        for _ in range(1_000):
            looks.pace.wake()
            await asyncio.sleep(0.001)

    assert len(run(play).at) <= 1 / LEAST_GAP_S + 2


def test_costly_looks_are_fewer() -> None:
    async def play(looks: Looks) -> None:
        looks.cost_s = 0.08
        for _ in range(1_000):
            looks.pace.wake()
            await asyncio.sleep(0.001)

    assert len(run(play).at) <= 5


def test_an_event_during_a_look_brings_another() -> None:
    async def play(looks: Looks) -> None:
        looks.cost_s = 0.1
        looks.pace.wake()
        await asyncio.sleep(0.15)
        looks.pace.wake()
        await asyncio.sleep(2)

    assert len(run(play).at) == 3


def test_a_file_on_its_way_is_looked_at_often_while_it_moves() -> None:
    async def play(looks: Looks) -> None:
        looks.found = Round(changed=True, unsettled=True)
        looks.pace.wake()
        await asyncio.sleep(5)
        looks.found = Round(unsettled=True)
        await asyncio.sleep(60)

    looks = run(play)
    assert max(gaps(looks)[1:15]) <= 0.26
    assert 0.9 <= gaps(looks)[-2] <= 1.01


def test_without_watches_it_looks_every_second() -> None:
    async def play(looks: Looks) -> None:
        looks.found = Round(polled=True)
        looks.pace.wake()
        await asyncio.sleep(10)

    assert len(run(play).at) in (11, 12)


def test_what_is_watched_only_now_is_looked_at_again() -> None:
    async def play(looks: Looks) -> None:
        looks.found = Round(again=True)
        looks.pace.wake()
        await asyncio.sleep(1.5 * LEAST_GAP_S)
        looks.found = Round()
        await asyncio.sleep(1)

    assert len(run(play).at) == 3


def test_a_jump_of_the_clock_brings_a_thorough_look() -> None:
    async def play(looks: Looks) -> None:
        await asyncio.sleep(1)
        looks.drift = 3_600
        await asyncio.sleep(TICK_S + 0.1)

    assert run(play).thorough == [True, True]


def test_news_of_the_folders_themselves_bring_a_thorough_look() -> None:
    async def play(looks: Looks) -> None:
        looks.news = True
        await asyncio.sleep(TICK_S + 0.1)
        looks.news = False

    assert run(play).thorough == [True, True]


def test_a_look_that_fails_is_tried_again_later() -> None:
    async def play(looks: Looks) -> None:
        looks.fails = 2
        looks.pace.wake()
        await asyncio.sleep(40)

    looks = run(play)
    assert len(looks.at) == 4
    assert min(gaps(looks)[1:]) >= 5
