"""The GUI thread, as the parts of the desktop that are not windows see it: the test's own."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable


class GuiThread:
    """Calls are posted from any thread, and made here while the test waits."""

    def __init__(self) -> None:
        self._calls: queue.Queue[Callable[[], None]] = queue.Queue()

    def post(self, call: Callable[[], None]) -> None:
        self._calls.put(call)

    @property
    def waiting(self) -> int:
        return self._calls.qsize()

    def run_until(self, check: Callable[[], object], limit_s: float = 30) -> None:
        """Make the calls that come until `check` is true."""
        end = time.monotonic() + limit_s
        while not check():
            assert time.monotonic() < end, f"waited {limit_s} s for {check}"
            try:
                call = self._calls.get(timeout=0.05)
            except queue.Empty:
                continue
            call()
