"""Follows what the daemon tells, on a thread, through its ends and beginnings."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

from hob.client import Client
from hob.errors import HobError
from hob.wire.events import Event

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 2.0
# The daemon gives a sign of life every 15 s.
_SILENCE_S = 45.0


class Follower:
    """Calls, on its thread, `here` when the daemon answers, `told` with each of its facts, and
    `away` with the reason each time that it does not answer (any more)."""

    def __init__(
        self,
        client: Callable[[], Client],
        socket: Path,
        *,
        here: Callable[[], None],
        told: Callable[[Event], None],
        away: Callable[[HobError], None],
    ) -> None:
        self._client = client
        self._socket = socket
        self._here = here
        self._told = told
        self._away = away
        self._wake = threading.Event()
        self._ended = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, name="follower", daemon=True).start()

    def hurry(self) -> None:
        """Somebody expects the daemon to be there now."""
        self._wake.set()

    def stop(self) -> None:
        """Tell nothing more."""
        self._ended.set()
        self._wake.set()

    def _run(self) -> None:
        pause = FIRST_PAUSE_S
        while not self._ended.is_set():
            try:
                with self._client() as client:
                    facts = client.events(timeout=_SILENCE_S)
                    pause = FIRST_PAUSE_S
                    self._here()
                    for fact in facts:
                        self._told(fact)
            except HobError as error:
                if not self._ended.is_set():
                    self._away(error)
            pause = self._wait(pause)

    def _wait(self, pause: float) -> float:
        """Wait for so long, or until the socket appears; the next pause. Looking at a file is
        cheap, so that is done at the pace of the first pause."""
        before = socket_mark(self._socket)
        waited = 0.0
        while waited < pause and not self._wake.wait(FIRST_PAUSE_S):
            waited += FIRST_PAUSE_S
            if socket_mark(self._socket) not in (None, before):
                return FIRST_PAUSE_S
        if self._wake.is_set() and not self._ended.is_set():
            self._wake.clear()
            return FIRST_PAUSE_S
        return min(pause * 2, LONGEST_PAUSE_S)


def socket_mark(path: Path) -> tuple[int, int] | None:
    """What tells one socket from the next of the same name; None while there is none. Windows has
    no files for its pipes."""
    if os.name == "nt":
        return None
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns
