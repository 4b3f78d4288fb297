"""The desk: who is attached, who gets which order, and what becomes of those without an answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from hob.companions.desk import MOST_ORDERS, Desk
from hob.errors import AlreadyRunning, DesktopError, DesktopRefused, NoDesktop, Overloaded
from hob.wire.base import ErrorInfo
from hob.wire.desktop import (
    AnyOrder,
    Attached,
    Clip,
    DesktopAsk,
    DesktopHello,
    DesktopState,
    HotkeyState,
    Open,
    OrderReply,
    Quit,
    ReadClip,
)
from hob.wire.events import DesktopChanged, Event

READ = DesktopAsk(order=ReadClip())


@dataclass
class Bench:
    """A desk, and what it has published. `problem` is what the daemon says without a desktop."""

    problem: ErrorInfo | None = None
    facts: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.desk = Desk(self.facts.append, problem=lambda: self.problem, clock=lambda: 5.0)

    @contextlib.asynccontextmanager
    async def attached(
        self, session: str = ":0", pid: int = 7
    ) -> AsyncIterator[tuple[str, AsyncIterator[AnyOrder]]]:
        """A desktop's id, and its further orders."""
        async with self.desk.attach(DesktopHello(session=session, pid=pid)) as orders:
            first = await anext(orders)
            assert isinstance(first, Attached)
            yield first.desktop, orders


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_an_order_reaches_the_desktop_and_its_reply_whoever_asked(bench: Bench) -> None:
    async with bench.attached() as (id, orders):
        asking = asyncio.create_task(bench.desk.ask(READ, 5))
        order = await anext(orders)
        assert isinstance(order, ReadClip)
        assert bench.desk.reply(OrderReply(id=order.id, clip=Clip(text="copied")))
        reply = await asking
        assert reply.clip == Clip(text="copied")
        assert reply.desktop == id
        assert not bench.desk.reply(OrderReply(id=order.id)), "nobody waits any more"


async def test_what_the_desktop_refuses_is_raised(bench: Bench) -> None:
    async with bench.attached() as (_, orders):
        asking = asyncio.create_task(bench.desk.ask(READ, 5))
        error = ErrorInfo.of(DesktopRefused("Nothing can be read here.", hint="Use a mouse."))
        bench.desk.reply(OrderReply(id=(await anext(orders)).id, error=error))
        with pytest.raises(DesktopRefused, match="Nothing can be read"):
            await asking


async def test_the_desktop_that_was_used_last_is_the_default(bench: Bench) -> None:
    async with bench.attached(":0") as (first, on_first), bench.attached(":1", 8) as (_, on_second):
        asking = [asyncio.create_task(bench.desk.ask(READ, 5))]
        order = await anext(on_second)
        bench.desk.reply(OrderReply(id=order.id))
        bench.desk.used(first)
        asking.append(asyncio.create_task(bench.desk.ask(READ, 5)))
        bench.desk.reply(OrderReply(id=(await anext(on_first)).id))
        assert [(await each).desktop for each in asking][1] == first


async def test_a_named_desktop_gets_its_order_and_becomes_the_default(bench: Bench) -> None:
    async with bench.attached(":0") as (first, on_first), bench.attached(":1", 8):
        for name in (first, ""):
            asking = asyncio.create_task(bench.desk.ask(DesktopAsk(order=Open(), desktop=name), 5))
            bench.desk.reply(OrderReply(id=(await anext(on_first)).id))
            assert (await asking).desktop == first


async def test_a_second_desktop_of_a_screen_is_refused_while_the_first_lives(bench: Bench) -> None:
    async with bench.attached(":0", pid=7):
        with pytest.raises(AlreadyRunning, match="pid 7"):
            async with bench.attached(":0", pid=8):
                pass
    async with bench.attached(":0", pid=8):
        assert [each.pid for each in bench.desk.listing().desktops] == [8]


async def test_a_desktop_that_comes_back_takes_its_own_place(bench: Bench) -> None:
    async with bench.attached(pid=7) as (old, orders):
        async with bench.attached(pid=7) as (new, _):
            assert [each.id for each in bench.desk.listing().desktops] == [new]
            assert old != new
            with pytest.raises(StopAsyncIteration):
                await anext(orders)
        assert not bench.desk.has(":0")


async def test_an_order_to_a_desktop_that_vanishes_ends_with_no_desktop(bench: Bench) -> None:
    async with bench.attached() as (_, orders):
        asking = asyncio.create_task(bench.desk.ask(READ, 5))
        await anext(orders)
    with pytest.raises(NoDesktop, match="went away"):
        await asking


async def test_a_desktop_that_is_told_to_quit_may_go_without_an_answer(bench: Bench) -> None:
    async with bench.attached() as (id, orders):
        asking = asyncio.create_task(bench.desk.ask(DesktopAsk(order=Quit()), 5))
        await anext(orders)
    assert (await asking).desktop == id


async def test_a_desktop_that_does_not_answer_is_not_waited_for_for_ever(bench: Bench) -> None:
    async with bench.attached() as (_, orders):
        with pytest.raises(DesktopError, match="has not answered"):
            await bench.desk.ask(READ, 0.01)
        order = await anext(orders)
        assert not bench.desk.reply(OrderReply(id=order.id))


async def test_a_desktop_that_hangs_is_given_only_so_many_orders(bench: Bench) -> None:
    async with bench.attached():
        asking = [asyncio.create_task(bench.desk.ask(READ, 5)) for _ in range(MOST_ORDERS)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await bench.desk.ask(READ, 5)
    assert all(isinstance(each.exception(), NoDesktop) for each in await _ended(asking))


async def test_whoever_stops_waiting_frees_the_place(bench: Bench) -> None:
    async with bench.attached() as (_, orders):
        asking = asyncio.create_task(bench.desk.ask(READ, 5))
        order = await anext(orders)
        asking.cancel()
        await asyncio.wait({asking})
        assert not bench.desk.reply(OrderReply(id=order.id))


async def test_without_a_desktop_the_error_says_why_there_is_none() -> None:
    why = ErrorInfo.of(NoDesktop("There is no screen.", hint="Sit down at one."))
    for problem, said in ((why, "There is no screen. Sit down"), (None, "`hob desktop`")):
        bench = Bench(problem)
        with pytest.raises(NoDesktop, match=said):
            await bench.desk.ask(READ, 5)
        assert bench.desk.listing().problem == problem


async def test_the_reason_is_not_listed_while_there_is_a_desktop() -> None:
    bench = Bench(ErrorInfo.of(NoDesktop("It was quit.")))
    async with bench.attached():
        assert bench.desk.listing().problem is None


async def test_what_a_desktop_tells_of_itself_is_listed(bench: Bench) -> None:
    hotkeys = (HotkeyState(action="ask", hotkey="ctrl+alt+space"),)
    async with bench.attached() as (id, _):
        state = DesktopState(desktop=id, hotkey_way="x11", hotkeys=hotkeys)
        assert bench.desk.tell(state) == bench.desk.listing().desktops[0]
        (listed,) = bench.desk.listing().desktops
        assert (listed.hotkey_way, listed.hotkeys, listed.session) == ("x11", hotkeys, ":0")


async def test_a_desktop_that_is_gone_can_tell_nothing(bench: Bench) -> None:
    async with bench.attached() as (id, _):
        pass
    with pytest.raises(NoDesktop, match="not attached any more"):
        bench.desk.tell(DesktopState(desktop=id))


async def test_a_desktop_that_the_person_ended_is_over_until_the_next_one(bench: Bench) -> None:
    async with bench.attached() as (id, _):
        bench.desk.tell(DesktopState(desktop=id, leaving=True))
    assert bench.desk.is_over(":0")
    assert not bench.desk.is_over(":1")
    async with bench.attached():
        assert not bench.desk.is_over(":0")


async def test_every_change_is_published_and_told(bench: Bench) -> None:
    told: list[bool] = []
    bench.desk.watchers.append(lambda: told.append(bench.desk.has(":0")))
    async with bench.attached() as (id, _):
        bench.desk.tell(DesktopState(desktop=id))
    assert told == [True, True, False]
    assert bench.facts == [DesktopChanged(at=5.0)] * 3


async def _ended(tasks: list[asyncio.Task[OrderReply]]) -> list[asyncio.Task[OrderReply]]:
    await asyncio.wait(tasks)
    return tasks
