"""As much of Wayland's wire protocol as a clipboard needs.

https://wayland.freedesktop.org/docs/html/ch04.html#sect-Protocol-Wire-Format
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_MAX_MESSAGE = 65_536
_READ_BYTES = 65_536
_MAX_FDS = 28


class Broken(OSError):
    """The compositor has closed the connection, or said that we made a mistake."""


@dataclass(frozen=True)
class Event:
    """`body` are the arguments, still packed."""

    object: int
    opcode: int
    body: bytes

    def numbers(self, count: int) -> tuple[int, ...]:
        try:
            return struct.unpack_from(f"={count}I", self.body)
        except struct.error as error:
            raise Broken("the compositor speaks nonsense") from error

    def text(self, offset: int = 0) -> str:
        """The string that begins at a byte of the body."""
        try:
            (size,) = struct.unpack_from("=I", self.body, offset)
        except struct.error as error:
            raise Broken("the compositor speaks nonsense") from error
        raw = self.body[offset + 4 : offset + 4 + size]
        return raw.rstrip(b"\0").decode("utf-8", "replace")


def packed_text(text: str) -> bytes:
    raw = text.encode() + b"\0"
    return struct.pack("=I", len(raw)) + raw + b"\0" * (-len(raw) % 4)


def message(number: int, opcode: int, body: bytes = b"") -> bytes:
    return struct.pack("=II", number, (8 + len(body)) << 16 | opcode) + body


def socket_path(environ: Mapping[str, str]) -> Path:
    name = environ.get("WAYLAND_DISPLAY", "") or "wayland-0"
    return Path(environ.get("XDG_RUNTIME_DIR", "/"), name)


class Connection:
    """A connection to the compositor; used by one thread."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.settimeout(5)
            self._socket.connect(str(path))
        except BaseException:
            self._socket.close()
            raise
        self._buffer = bytearray()
        self._fds: deque[int] = deque()
        # 1 is the display itself.
        self._last = 1

    def fileno(self) -> int:
        return self._socket.fileno()

    def new_id(self) -> int:
        self._last += 1
        return self._last

    def send(self, number: int, opcode: int, body: bytes = b"", fd: int | None = None) -> None:
        data = message(number, opcode, body)
        if fd is None:
            self._socket.sendall(data)
        else:
            socket.send_fds(self._socket, [data], [fd])

    def receive(self) -> Iterator[Event]:
        """Take in what has come, which there must be; the whole events of it."""
        data, fds, _, _ = socket.recv_fds(self._socket, _READ_BYTES, _MAX_FDS)
        self._fds.extend(fds)
        if not data:
            raise Broken("the compositor has closed the connection")
        self._buffer += data
        while len(self._buffer) >= 8:
            number, head = struct.unpack_from("=II", self._buffer)
            size = head >> 16
            if not 8 <= size <= _MAX_MESSAGE:
                raise Broken("the compositor speaks nonsense")
            if len(self._buffer) < size:
                return
            body = bytes(self._buffer[8:size])
            del self._buffer[:size]
            yield Event(number, head & 0xFFFF, body)

    def take_fd(self) -> int:
        """The file that came with an event that has one."""
        if not self._fds:
            raise Broken("the compositor sent no file")
        return self._fds.popleft()

    def close(self) -> None:
        self._socket.close()
        for fd in self._fds:
            with contextlib.suppress(OSError):
                os.close(fd)
        self._fds.clear()
