"""Threads that work for the GUI: as many as there is to do at once, and none that it waits for."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

# A stream of an answer holds one for as long as it lasts.
MOST_THREADS = 64
_IDLE_S = 20.0


class Workers:
    """Runs calls on threads of its own. They are daemon threads, unlike those of the standard
    library's pool, which a process waits for at its end."""

    def __init__(self, name: str, most: int = MOST_THREADS) -> None:
        self._name = name
        self._most = most
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._idle = 0

    def do(self, call: Callable[[], None]) -> None:
        """Have it done; `call` must not raise. Beyond the most threads it waits for one."""
        with self._lock:
            self._calls.put(call)
            if self._idle >= self._calls.qsize() or self._threads >= self._most:
                return
            self._threads += 1
        threading.Thread(target=self._work, name=self._name, daemon=True).start()

    def _work(self) -> None:
        while True:
            with self._lock:
                self._idle += 1
            try:
                call = self._calls.get(timeout=_IDLE_S)
            except queue.Empty:
                with self._lock:
                    # One may have been put in just now, counting on this thread.
                    if self._calls.empty():
                        self._idle -= 1
                        self._threads -= 1
                        return
                call = None
            with self._lock:
                self._idle -= 1
            if call is not None:
                call()
