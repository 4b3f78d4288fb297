"""The bridge between long work on files, which blocks, and the event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable
from typing import Generic, TypeVar

from hob.errors import Cancelled

P = TypeVar("P")
R = TypeVar("R")

_REPORT_EVERY_S = 0.1


class Reporter:
    """Given to the work: `progress` tells how far it is, and raises Cancelled when nobody waits
    for it any more."""

    def __init__(self, total: int, tell: Callable[[int, int], None]) -> None:
        self.total = total
        self._tell = tell
        self._done = 0
        self._told_at = 0.0
        self.cancelled = threading.Event()

    def progress(self, count: int) -> None:
        """`count` more bytes are done; at most ten reports a second go out, and the last one."""
        if self.cancelled.is_set():
            raise Cancelled("It was stopped before it was done.")
        self._done += count
        now = time.monotonic()
        if now - self._told_at >= _REPORT_EVERY_S or self._done >= self.total:
            self._told_at = now
            self._tell(self._done, self.total)


class Last(Generic[R]):
    """The result of the work."""

    def __init__(self, value: R) -> None:
        self.value = value


async def steps_of(
    work: Callable[[Reporter], R], total: int, make: Callable[[int, int], P]
) -> AsyncGenerator[P | Last[R], None]:
    """The progress of `work` as `make` writes it, and its result last. Raises what it raises.

    Closing the iterator cancels the work without waiting for it; the work takes away after itself.
    """
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[P | Last[R] | Exception] = asyncio.Queue()

    def post(step: P | Last[R] | Exception) -> None:
        # The loop may be gone when the daemon stops meanwhile; then nobody listens.
        if not loop.is_closed():
            loop.call_soon_threadsafe(queue.put_nowait, step)

    reporter = Reporter(total, lambda done, all_: post(make(done, all_)))

    def run() -> None:
        try:
            post(Last(work(reporter)))
        except Exception as error:
            post(error)

    # A daemon thread, since an executor's would hold up the end of the process.
    thread = threading.Thread(target=run, name="care", daemon=True)
    thread.start()
    try:
        while True:
            step = await queue.get()
            if isinstance(step, Exception):
                raise step
            yield step
            if isinstance(step, Last):
                return
    finally:
        reporter.cancelled.set()
