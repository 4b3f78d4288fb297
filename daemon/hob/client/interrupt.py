"""Ending a request from another thread than the one that waits for it."""

from __future__ import annotations

import threading

from hob.client.transport import Transport


class Interrupt:
    """Hangs up one request, at whatever point it is; the daemon stops the work behind it.

    Whoever waits for the request gets DaemonUnreachable.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._transport: Transport | None = None
        self._set = False

    def set(self) -> None:
        """From any thread, before, during or after the request."""
        with self._lock:
            self._set = True
            if self._transport is not None:
                self._transport.interrupt()

    def attach(self, transport: Transport) -> None:
        """The request has its connection."""
        with self._lock:
            self._transport = transport
            if self._set:
                transport.interrupt()
