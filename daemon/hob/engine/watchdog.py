"""Ends the process when a step does not come back: nothing else can end a call of llama.cpp's that
hangs, in a driver or for want of memory, and whoever waits should hear of it."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Never

from hob.wire.engine import EXIT_STALLED

# A wait that ends so much too late has not been one.
_LATE_S = 5.0


class Watchdog:
    """Use as `with watchdog: decode`, on one thread. A step may take `stall_s` seconds.

    Its thread sleeps while there are no steps, and through the quick ones as well: it wakes once
    in `stall_s`, so that beginning a step costs no switch between threads.
    """

    def __init__(self, stall_s: float, end: Callable[[float], None] | None = None) -> None:
        self._stall_s = stall_s
        self._end = end or end_process
        self._condition = threading.Condition()
        self._began: float | None = None
        self._asleep = False
        self._closed = False
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._thread.start()

    def __enter__(self) -> None:
        with self._condition:
            self._began = time.monotonic()
            if self._asleep:
                self._condition.notify()

    def __exit__(self, *_error: object) -> None:
        with self._condition:
            self._began = None

    def close(self) -> None:
        """Watch no longer."""
        with self._condition:
            self._closed = True
            self._condition.notify()
        self._thread.join()

    def _watch(self) -> None:
        with self._condition:
            while not self._closed:
                self._asleep = self._began is None
                if self._began is None:
                    self._condition.wait()
                    continue
                left = self._began + self._stall_s - time.monotonic()
                if left < -_LATE_S:
                    # The machine slept, and on some systems the clock goes on meanwhile.
                    self._began = time.monotonic()
                elif left <= 0:
                    self._end(self._stall_s)
                    return
                else:
                    self._condition.wait(left)


def end_process(stall_s: float) -> Never:
    """With a status of its own, by which the supervisor knows what happened."""
    message = f"A step has not come back for {stall_s:g} s, so this worker ends itself.\n"
    # The step's thread may hold the lock of sys.stderr, and it will not give it back.
    os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, message.encode())
    os._exit(EXIT_STALLED)
