"""The way to the daemon: a UNIX socket, or on Windows a named pipe."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Protocol


class Transport(Protocol):
    """A connected byte stream. One thread reads and writes it; any thread may interrupt it."""

    def send(self, data: bytes) -> None:
        """Send all of it. Raises OSError, TimeoutError included."""

    def receive(self) -> bytes:
        """Some bytes, at least one; empty at the end. Raises OSError, TimeoutError included."""

    def set_timeout(self, seconds: float | None) -> None:
        """How long one send or receive may take; None for as long as it needs."""

    def interrupt(self) -> None:
        """End the stream: whoever waits in `receive` gets the end."""

    def close(self) -> None:
        """Let go of it; the other end sees the end of the stream."""


def connect(address: Path, timeout: float | None) -> Transport:
    """Connect to the daemon of this user.

    Raises NotRunning, ForbiddenPeer or DaemonUnreachable.
    """
    if sys.platform == "win32":
        from hob.client.transport_windows import connect_pipe

        return connect_pipe(address)
    from hob.client.transport_posix import connect_socket

    return connect_socket(address, timeout)
