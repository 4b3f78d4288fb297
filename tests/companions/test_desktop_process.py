"""The desktop that the daemon starts, with little programs in its place."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from hob.children.spawn import Child, spawn
from hob.companions.backoff import Policy
from hob.companions.desk import Desk
from hob.companions.desktop_process import DesktopProcess
from hob.display import DesktopExit, Display, NoDisplay
from hob.wire.desktop import DesktopHello, DesktopState

STAYS = "import sys; sys.stdin.read()"
ON_X11 = Display(":0", "x11")
QUICK = Policy(first_s=0.001, longest_s=0.002, deaths=1000, rest_s=3600)


def ends(code: int, words: str = "") -> str:
    return f"import sys; print({words!r}, file=sys.stderr, flush=True); sys.exit({code})"


@dataclass
class Bench:
    """A desk and a process for it. Each life runs the next of `programs`, the last one for ever;
    `screens` are what is found in turn, the last one for ever."""

    programs: list[str]
    screens: list[Display | NoDisplay] = field(default_factory=lambda: [ON_X11])
    lives: int = 0
    looks: int = 0
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    def make(self, **options: Any) -> DesktopProcess:
        self.desk = Desk(lambda _: None, problem=lambda: self.process.problem)
        given: dict[str, Any] = {"look_again_s": 0.01, "policy": QUICK, "installed": lambda: True}
        given |= options
        self.process = DesktopProcess(
            self.desk, find=self._find, spawn=self._spawn, command=["program"], **given
        )
        return self.process

    def _find(self) -> Display | NoDisplay:
        self.looks += 1
        return self.screens.pop(0) if len(self.screens) > 1 else self.screens[0]

    async def _spawn(self, argv: Sequence[str]) -> Child:
        self.lives += 1
        self.begun.set()
        program = self.programs.pop(0) if len(self.programs) > 1 else self.programs[0]
        return await spawn([sys.executable, "-c", program])

    @contextlib.asynccontextmanager
    async def attached(self, pid: int = 7, session: str = ":0") -> AsyncIterator[str]:
        async with self.desk.attach(DesktopHello(session=session, pid=pid)) as orders:
            await anext(orders)
            yield self.desk.listing().desktops[-1].id


@contextlib.asynccontextmanager
async def running(process: DesktopProcess) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(process.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})


async def until(check: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not check():  # noqa: ASYNC110 - what is waited for lies in other processes
            await asyncio.sleep(0.005)  # as little as it may be


async def test_where_there_is_a_screen_it_is_started_and_ended_with_the_daemon() -> None:
    bench = Bench([STAYS])
    async with running(bench.make()):
        await asyncio.wait_for(bench.begun.wait(), 20)
        assert bench.process.problem is None
    assert bench.lives == 1


async def test_one_that_dies_is_started_again() -> None:
    bench = Bench([ends(1, "an accident"), ends(-9 & 0xFF), STAYS])
    async with running(bench.make()):
        await until(lambda: bench.lives == 3)
        problem = bench.process.problem
        assert problem is not None
        assert "ended by itself" in problem.message


async def test_one_that_the_person_quits_stays_away_until_another_has_come_and_gone() -> None:
    bench = Bench([ends(DesktopExit.QUIT), STAYS])
    async with running(bench.make()):
        await until(lambda: bench.desk.is_over(":0"))
        listed = bench.desk.listing()
        assert listed.problem is not None
        assert "was quit" in listed.problem.message
        assert bench.lives == 1
        async with bench.attached():
            pass
        await until(lambda: bench.lives == 2)


async def test_a_desktop_that_was_started_by_hand_is_left_alone() -> None:
    bench = Bench([STAYS])
    process = bench.make()
    async with bench.attached() as id, running(process):
        await until(lambda: bench.looks)
        bench.desk.tell(DesktopState(desktop=id))
        await asyncio.sleep(0)
        assert bench.lives == 0


async def test_one_that_was_started_by_hand_and_dies_is_the_daemons_to_start() -> None:
    bench = Bench([STAYS])
    process = bench.make()
    async with contextlib.AsyncExitStack() as stack:
        by_hand = await stack.enter_async_context(contextlib.AsyncExitStack())
        await by_hand.enter_async_context(bench.attached())
        await stack.enter_async_context(running(process))
        await until(lambda: bench.looks)
        assert bench.lives == 0
        await by_hand.aclose()
        await until(lambda: bench.lives == 1)


async def test_a_session_that_is_taken_is_looked_at_again() -> None:
    bench = Bench([ends(DesktopExit.TAKEN), ends(DesktopExit.TAKEN), STAYS])
    async with running(bench.make()):
        await until(lambda: bench.lives == 3)


async def test_what_lacks_a_library_is_not_started_again_and_says_why() -> None:
    bench = Bench([ends(DesktopExit.UNFIT, "hob: Install libxcb-cursor0.")])
    async with running(bench.make()) as task:
        await asyncio.wait_for(asyncio.wait({task}), 20)
        problem = bench.process.problem
        assert problem is not None
        assert problem.message == "Install libxcb-cursor0."
    assert bench.lives == 1


async def test_a_screen_that_goes_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "hob.desktop")
    gone = NoDisplay("No screen answers at DISPLAY=:0.", for_good=False)
    bench = Bench([ends(DesktopExit.NO_SCREEN), STAYS], [ON_X11, gone, gone, gone, ON_X11])
    async with running(bench.make()):
        await until(lambda: bench.lives == 2)
        assert bench.process.problem is None
    assert caplog.text.count("No screen answers") == 1, "said once"


async def test_without_any_screen_it_says_so_once_and_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "hob.desktop")
    bench = Bench([STAYS], [NoDisplay("There is no screen.")])
    async with running(bench.make()) as task:
        await asyncio.wait_for(asyncio.wait({task}), 20)
        listed = bench.desk.listing()
        assert listed.problem is not None
        assert listed.problem.message.startswith("There is no screen.")
    assert bench.lives == 0
    assert caplog.text.count("There is no screen.") == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"installed": lambda: False}, "not installed"),
        ({"wanted": False}, "`desktop.start` is off"),
    ],
)
async def test_what_is_not_wanted_or_not_installed_is_not_started(
    options: dict[str, Any], said: str
) -> None:
    bench = Bench([STAYS])
    async with running(bench.make(**options)) as task:
        await asyncio.wait_for(asyncio.wait({task}), 20)
        problem = bench.process.problem
        assert problem is not None
        assert said in problem.message
        assert problem.hint
    assert bench.lives == 0
