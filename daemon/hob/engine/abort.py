"""Ending a step early."""

from __future__ import annotations

import threading
from typing import Protocol


class Interruptible(Protocol):
    def interrupt(self) -> None: ...

    def clear_interrupt(self) -> None: ...


class Abort:
    """Ends a step once every request in it has been cancelled, or work that can wait as soon as
    there is other work.

    The lock makes "who is in the step" and "is the step to be ended" one state, so that a late
    cancellation can never end the step after.
    """

    def __init__(self, runtime: Interruptible) -> None:
        self._runtime = runtime
        self._lock = threading.Lock()
        self._doomed: set[str] = set()
        self._running: set[str] = set()
        self._idling = False

    def doom(self, request_id: str) -> None:
        with self._lock:
            self._doomed.add(request_id)
            self._check()

    def forget(self, request_id: str) -> None:
        with self._lock:
            self._doomed.discard(request_id)

    def arrived(self) -> None:
        """There is work: what was only done because there was none ends."""
        with self._lock:
            if self._idling:
                self._runtime.interrupt()

    def watching(self, ids: set[str]) -> Abort:
        """Use as `with abort.watching(ids): decode`; no ids for work that can wait."""
        with self._lock:
            self._running = ids
            self._idling = not ids
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
            self._idling = False
            self._runtime.clear_interrupt()
