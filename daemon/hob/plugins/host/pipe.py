"""The host's end of the pipe: frames in on stdin, frames out on what stdout was."""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Callable
from typing import Any, BinaryIO, NoReturn

import msgspec

from hob.errors import ProtocolError
from hob.wire.frames import FrameReader, encode_frame
from hob.wire.plugin_host import FromHostMessage, ToHostMessage, to_host_decoder

_READ_BYTES = 2**16
_EXIT_DAEMON_GONE = 0
_EXIT_PROTOCOL = 3


class Pipe:
    """The daemon at the other end. When it is gone, so is this process."""

    def __init__(self) -> None:
        """Takes stdin and stdout for the protocol, before any plugin can print or read."""
        self._in, self._out = os.dup(0), os.dup(1)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        os.dup2(2, 1)
        sys.stdout = sys.stderr = _LogStream()
        self._lock = threading.Lock()
        if sys.platform != "win32":
            os.register_at_fork(after_in_child=self._let_go)

    def send(self, message: FromHostMessage) -> None:
        """From any thread, whole and in order. Waits while the daemon is slow to read; what was
        sent is out of this process when it returns, so that nothing that comes to it afterwards
        can take it back."""
        frame = memoryview(_frame(message))
        try:
            with self._lock:
                while frame:
                    frame = frame[os.write(self._out, frame) :]
        except OSError:
            os._exit(_EXIT_DAEMON_GONE)

    def listen(self, handle: Callable[[ToHostMessage], None], gone: Callable[[], None]) -> None:
        """Call `handle` for each message on a thread, and `gone` once when the daemon is gone."""

        def read_all() -> None:
            reader = FrameReader()
            try:
                while data := os.read(self._in, _READ_BYTES):
                    for body in reader.feed(data):
                        handle(to_host_decoder.decode(body))
            except (ProtocolError, msgspec.DecodeError) as error:
                _leave(f"the daemon sends what is no message: {error}")
            except OSError as error:
                _leave(f"the pipe is broken: {error}")
            gone()

        threading.Thread(target=read_all, name="reader", daemon=True).start()

    def _let_go(self) -> None:
        """A plugin has forked: its copy of us must neither speak to the daemon nor listen."""
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, self._in)
        os.dup2(null, self._out)
        self._lock = threading.Lock()


class _LogStream(io.TextIOWrapper):
    """What stderr was, which is the daemon's log, for all plugins to print to: one that closes it,
    or its descriptor, closes it for nobody."""

    def __init__(self) -> None:
        super().__init__(
            _writer_to(2), encoding="utf-8", errors="backslashreplace", line_buffering=True
        )

    def close(self) -> None:
        self.flush()

    def detach(self) -> BinaryIO:
        """Scripts do this to print in another encoding."""
        return _writer_to(self.fileno())


def _writer_to(file: int) -> io.BufferedWriter:
    return io.BufferedWriter(io.FileIO(os.dup(file), "w"))


def _frame(message: FromHostMessage) -> bytes:
    """A file's name or a plugin's text may hold characters that have no UTF-8."""
    try:
        return encode_frame(message)
    except UnicodeEncodeError:
        return encode_frame(_encodable(msgspec.to_builtins(message)))


def _encodable(value: Any) -> Any:
    match value:
        case str():
            return value.encode(errors="replace").decode()
        case dict():
            return {_encodable(key): _encodable(one) for key, one in value.items()}
        case list() | tuple():
            return [_encodable(one) for one in value]
        case _:
            return value


def _leave(why: str) -> NoReturn:
    os.write(2, f"the plugins' process ends: {why}\n".encode())
    os._exit(_EXIT_PROTOCOL)
