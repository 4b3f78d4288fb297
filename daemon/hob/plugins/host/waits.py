"""What a plugin's code waits for, and the end of that when nobody wants it any more."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import weakref
from collections.abc import Awaitable, Iterator
from typing import Any, Protocol

from hob.client.interrupt import Interrupt
from hob.errors import Cancelled, HobError


class _Endable(Protocol):
    def set(self) -> None:
        """End it, from any thread."""


class _Task:
    """A coroutine that runs; made on its loop."""

    def __init__(self, task: asyncio.Task[Any]) -> None:
        self._task = task
        self._loop = task.get_loop()

    def set(self) -> None:
        with contextlib.suppress(RuntimeError):  # its loop is closed: it has ended by itself
            self._loop.call_soon_threadsafe(self._task.cancel)


class Waits:
    """Knows when the plugin waits for the daemon, which is not the plugin's to hurry; and ends
    that waiting when the run is taken back."""

    def __init__(self) -> None:
        self.cancelled = False
        self._depth = 0
        self._lock = threading.Lock()
        # Of answers that nobody holds any more, none is held here.
        self._open: weakref.WeakSet[_Endable] = weakref.WeakSet()

    @property
    def waits(self) -> bool:
        return self._depth > 0

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        self.check()
        with self._lock:
            self._depth += 1
        try:
            yield
        except HobError:
            self.check()  # the connection broke because the run was taken back
            raise
        finally:
            with self._lock:
                self._depth -= 1

    def opening(self) -> Interrupt:
        interrupt = Interrupt()
        self._hold(interrupt)
        return interrupt

    def finish(self, made: Awaitable[Any]) -> Any:
        """What a coroutine of the plugin makes, run on this thread. It ends with the other waits:
        no thread is left behind that awaits what never comes. Raises Cancelled."""

        async def held() -> Any:
            task = asyncio.current_task()
            assert task is not None
            waiting = _Task(task)
            self._hold(waiting)
            return await made

        try:
            return asyncio.run(held())
        except asyncio.CancelledError:
            self.check()
            raise

    def cancel(self) -> None:
        """The run was taken back: every wait ends with Cancelled."""
        self.cancelled = True
        self.close()

    def close(self) -> None:
        """End whatever is still open, so that no model works on what nobody reads."""
        with self._lock:
            still_open = list(self._open)
        for wait in still_open:
            wait.set()

    def _hold(self, wait: _Endable) -> None:
        with self._lock:
            self._open.add(wait)
        if self.cancelled:
            wait.set()

    def check(self) -> None:
        """Raises Cancelled once the run was taken back."""
        if self.cancelled:
            raise Cancelled("The action was taken back.")
