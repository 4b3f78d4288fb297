"""Ending a step early once nobody wants it."""

from __future__ import annotations

import threading
from typing import Protocol


class Interruptible(Protocol):
    def interrupt(self) -> None: ...

    def clear_interrupt(self) -> None: ...


class Abort:
    """Ends a step early once every request in it has been cancelled.

    The lock makes "who is in the step" and "is the step to be ended" one state, so that a late
    cancellation can never end the step after.
    """

    def __init__(self, runtime: Interruptible) -> None:
        self._runtime = runtime
        self._lock = threading.Lock()
        self._doomed: set[str] = set()
        self._running: set[str] = set()

    def doom(self, request_id: str) -> None:
        """Somebody cancels this request; from any thread."""
        with self._lock:
            self._doomed.add(request_id)
            self._check()

    def forget(self, request_id: str) -> None:
        """The request has left."""
        with self._lock:
            self._doomed.discard(request_id)

    def watching(self, ids: set[str]) -> Abort:
        """Use as `with abort.watching(ids): decode`."""
        with self._lock:
            self._running = ids
            self._check()
        return self

    def _check(self) -> None:
        if self._running and self._running <= self._doomed:
            self._runtime.interrupt()

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_error: object) -> None:
        with self._lock:
            self._running = set()
            self._runtime.clear_interrupt()
