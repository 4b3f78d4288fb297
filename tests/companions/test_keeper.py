"""Keeping a process running, with real little programs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import psutil
import pytest

from hob.children.spawn import Child
from hob.companions import keeper as keeping
from hob.companions.backoff import Policy
from hob.companions.keeper import End, Keeper
from hob.errors import ProtocolError

# Says that it runs, and leaves when its pipe ends.
STAYS = "import sys; print('up', flush=True); sys.stdin.read()"
CRASHES = "import sys; print('last words', file=sys.stderr, flush=True); sys.exit(7)"
STUBBORN = "import time; print('up', flush=True)\nwhile True: time.sleep(60)"

QUICK = Policy(first_s=0.001, longest_s=0.002, deaths=4, rest_s=3600)


class Lives:
    """A keeper under test, and what it has told."""

    def __init__(self, program: str, **options: Any) -> None:
        self.ups: asyncio.Queue[int] = asyncio.Queue()
        self.ends: asyncio.Queue[End] = asyncio.Queue()
        given: dict[str, Any] = {"attend": self._attend, "policy": QUICK} | options
        self.keeper = Keeper(
            [sys.executable, "-c", program],
            logger=logging.getLogger("test.keeper"),
            ended=self.ends.put_nowait,
            **given,
        )

    async def _attend(self, child: Child) -> None:
        while await child.stdout.read(100):
            self.ups.put_nowait(child.pid)


Keep = Callable[..., Lives]


@pytest.fixture
async def keep() -> AsyncIterator[Keep]:
    tasks: list[asyncio.Task[None]] = []

    def start(program: str, **options: Any) -> Lives:
        lives = Lives(program, **options)
        tasks.append(asyncio.create_task(lives.keeper.run()))
        return lives

    yield start
    for task in tasks:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_process_that_dies_is_started_again_at_once(keep: Keep) -> None:
    lives = keep(STAYS)
    first = await lives.ups.get()
    psutil.Process(first).kill()
    end = await lives.ends.get()
    assert (end.exit_code, end.why, end.asked) == (-9, "", False)
    assert await lives.ups.get() != first
    assert lives.keeper.state == "running"


async def test_what_keeps_crashing_is_given_up_until_somebody_revives_it(keep: Keep) -> None:
    lives = keep(CRASHES)
    for _ in range(QUICK.deaths):
        end = await lives.ends.get()
    assert (end.exit_code, end.last_lines) == (7, ("last words",))
    assert (end.next_s, end.resting) == (3600, True)
    await asyncio.sleep(0)
    assert lives.keeper.state == "resting"
    lives.keeper.revive()
    for _ in range(QUICK.deaths):
        await lives.ends.get()


async def test_a_program_that_is_not_there_is_a_problem_in_words(keep: Keep) -> None:
    async def missing(_: object) -> Child:
        raise FileNotFoundError(2, "No such file or directory")

    lives = keep(STAYS, spawn=missing)
    end = await lives.ends.get()
    assert (end.exit_code, end.problem) == (None, "No such file or directory")


async def test_a_dismissed_process_leaves_by_itself_and_stays_away_until_revived(
    keep: Keep,
) -> None:
    lives = keep(STAYS)
    await lives.ups.get()
    lives.keeper.dismiss()
    end = await lives.ends.get()
    assert (end.exit_code, end.asked) == (0, True)
    await asyncio.sleep(0)
    assert (lives.keeper.state, lives.keeper.pid) == ("left", None)
    lives.keeper.revive()
    await lives.ups.get()


async def test_dismissed_before_it_ever_ran_it_is_not_started(keep: Keep) -> None:
    lives = keep(STAYS)
    lives.keeper.dismiss()
    await asyncio.sleep(0)
    assert lives.keeper.state == "left"
    assert lives.ups.empty()
    lives.keeper.revive()
    await lives.ups.get()


async def test_a_final_code_means_that_the_process_wanted_to_go(keep: Keep) -> None:
    lives = keep(CRASHES, final_codes={7})
    assert (await lives.ends.get()).next_s is None
    await asyncio.sleep(0)
    assert lives.keeper.state == "left"
    lives.keeper.revive()
    await lives.ends.get()


async def test_killed_for_a_reason_it_counts_as_a_death_that_names_the_reason(keep: Keep) -> None:
    lives = keep(STUBBORN)
    first = await lives.ups.get()
    lives.keeper.kill("it hangs")
    end = await lives.ends.get()
    assert (end.exit_code, end.why, end.asked) == (-9, "it hangs", False)
    assert await lives.ups.get() != first


async def test_nonsense_on_the_pipe_ends_the_process(keep: Keep) -> None:
    async def refuse(child: Child) -> None:
        await child.stdout.read(100)
        raise ProtocolError("That is nonsense.")

    lives = keep(STUBBORN, attend=refuse)
    end = await lives.ends.get()
    assert (end.exit_code, end.why) == (-9, "That is nonsense.")


async def test_a_fault_of_ours_ends_the_process_and_not_the_keeper(keep: Keep) -> None:
    async def fail(_: Child) -> None:
        raise ZeroDivisionError

    lives = keep(STUBBORN, attend=fail)
    first = await lives.ends.get()
    second = await lives.ends.get()
    assert first.why == second.why == "A part of Hob itself has failed."


async def test_a_process_that_does_not_leave_is_killed(
    keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "LEAVE_S", 0.05)
    lives = keep(STUBBORN)
    await lives.ups.get()
    lives.keeper.dismiss()
    assert (await lives.ends.get()).exit_code == -9


async def test_the_end_of_the_keeper_is_the_end_of_the_process() -> None:
    lives = Lives(STAYS)
    task = asyncio.create_task(lives.keeper.run())
    pid = await lives.ups.get()
    task.cancel()
    await asyncio.wait({task})
    assert not psutil.pid_exists(pid)
    assert lives.keeper.state == "ended"
