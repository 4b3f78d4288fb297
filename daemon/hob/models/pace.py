"""When the folders are looked at: after an event, while a file is on its way, and now and then.

Events say that something changed and may be lost, so that they only bring the next look forward.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NoReturn

log = logging.getLogger(__name__)

# Events of one copy come by the thousand; looks have this much time between them, and take at
# most a fifth of it.
LEAST_GAP_S = 0.05
GAP_FOR_COST = 4
# How soon a file on its way is looked at again, from when it moves to when it does not.
UNSETTLED_S = 0.25
UNSETTLED_MOST_S = 1.0
# Where nobody tells of changes.
POLL_S = 1.0
POLL_FOR_COST = 20
# Without any event: between glances at the folders themselves, and between whole looks.
TICK_S = 2.0
THOROUGH_S = 60.0
AFTER_ERROR_S = 10.0
# The clock on the wall runs ahead of the other one by this when the machine was asleep.
JUMP_S = 5.0


@dataclass(frozen=True)
class Round:
    """What a look found. `again`: folders are watched now that were not while it looked."""

    changed: bool = False
    unsettled: bool = False
    polled: bool = False
    again: bool = False


class Pace:
    """Calls `look` when it is time to; `thorough` looks leave nothing out.

    `glance` says whether something is wrong with the folders or their watches; `drift` is by how
    much the clock on the wall is ahead of the one that stands still in a suspended machine.
    """

    def __init__(
        self,
        look: Callable[[bool], Awaitable[Round]],
        glance: Callable[[], Awaitable[bool]],
        drift: Callable[[], float],
    ) -> None:
        self._look = look
        self._glance = glance
        self._drift = drift
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Look soon. On the event loop."""
        self._wake.set()

    def waker(self) -> Callable[[], None]:
        """`wake` for other threads; an event that comes while one is waiting costs nothing."""
        loop = asyncio.get_running_loop()
        waiting = self._wake

        def wake() -> None:
            if not waiting.is_set():
                with contextlib.suppress(RuntimeError):  # the loop is closed
                    loop.call_soon_threadsafe(waiting.set)

        return wake

    async def run(self) -> NoReturn:
        loop = asyncio.get_running_loop()
        thorough_at = loop.time()
        thorough = True
        quiet = 0
        while True:
            self._wake.clear()
            began = loop.time()
            try:
                found = await self._look(thorough)
            except Exception:  # the library must outlive whatever a folder holds
                log.exception("the models folders could not be looked at")
                await asyncio.sleep(AFTER_ERROR_S)
                continue
            ended = loop.time()
            if thorough:
                thorough_at = ended
            if found.again:
                self._wake.set()
            quiet = 0 if found.changed else quiet + 1
            due = min(ended + _delay(found, quiet, ended - began), thorough_at + THOROUGH_S)
            thorough = await self._wait(due)
            thorough = thorough or loop.time() >= thorough_at + THOROUGH_S
            gap = max(LEAST_GAP_S, GAP_FOR_COST * (ended - began))
            await asyncio.sleep(max(0.0, ended + gap - loop.time()))

    async def _wait(self, due: float) -> bool:
        """Until something happens or `due`; True when a thorough look is needed."""
        loop = asyncio.get_running_loop()
        drift = self._drift()
        while (left := due - loop.time()) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left, TICK_S)):
                    await self._wake.wait()
            if abs(self._drift() - drift) > JUMP_S:
                log.info("the clock jumped, so the models folders are looked at again")
                return True
            if self._wake.is_set():
                return False
            if left > TICK_S and await self._glance():
                return True
        return False


def _delay(found: Round, quiet: int, cost_s: float) -> float:
    """How long after a look the next one is due if nothing happens."""
    if found.unsettled:
        return min(UNSETTLED_S * 1.2 ** min(quiet, 20), UNSETTLED_MOST_S)
    if found.polled:
        return max(POLL_S, POLL_FOR_COST * cost_s)
    return THOROUGH_S
