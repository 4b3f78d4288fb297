"""An event loop whose clock jumps: an hour of waiting takes no time, and a hang is an error."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class EveryoneWaits(Exception):
    """Nothing is due and nothing can come: the program would hang for ever."""


class _JumpingSelector(selectors.DefaultSelector):
    """Instead of sleeping until the next timer, moves the clock there."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        if found or timeout == 0:
            return found
        if timeout is None:
            raise EveryoneWaits
        self.now += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """For programs without real input: no files, processes or threads."""

    _scheduled: list[asyncio.TimerHandle]

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now

    def jump(self, seconds: float) -> None:
        """Time passes in which the program does not run, as on a suspended machine."""
        self._jumping.now += seconds

    def timers(self) -> int:
        """How many timers are pending: each is a wakeup to come."""
        return sum(not timer.cancelled() for timer in self._scheduled)


def run(main: Coroutine[Any, Any, T]) -> T:
    """Like asyncio.run, in virtual time; every task must have ended with `main`."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:

        async def checked() -> T:
            result = await main
            await asyncio.sleep(0)
            left = asyncio.all_tasks() - {asyncio.current_task()}
            assert not left, f"tasks outlive the program: {left}"
            return result

        return runner.run(checked())
