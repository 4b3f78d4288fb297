"""The worker's end of the pipe: frames in on stdin, frames out on what stdout was."""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import NoReturn

import msgspec

from hob.errors import ProtocolError
from hob.wire.engine import FromWorker, ToWorker, to_worker_decoder
from hob.wire.frames import FrameReader, encode_frame

_READ_BYTES = 2**16
_EXIT_DAEMON_GONE = 0
_EXIT_PROTOCOL = 3


class Pipe:
    """Two threads around the protocol's descriptors.

    The pipe is the worker's leash: when its other end closes, the daemon is gone, and the process
    ends at once, in the middle of whatever it computes.
    """

    def __init__(self) -> None:
        """Takes stdin and stdout for the protocol; what native code prints goes to stderr."""
        self._out = os.dup(sys.__stdout__.fileno() if sys.__stdout__ else 1)
        os.dup2(2, 1)
        self._in = 0
        self._queue: SimpleQueue[bytes | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._queued = 0
        self._writer = threading.Thread(target=self._write_all, name="writer", daemon=True)
        self._writer.start()

    def listen(self, handle: Callable[[ToWorker], None]) -> None:
        """Call `handle` on the reader thread for each message, from now on."""
        threading.Thread(target=self._read_all, args=(handle,), name="reader", daemon=True).start()

    def send(self, message: FromWorker) -> None:
        """Never blocks; from any thread, in order.

        A frame that the pipe can take is written here and now: waking the writer for each token
        would take a core from the model's threads ten thousand times in a long answer. Only when
        the daemon is slow to read does the writer's queue grow.
        """
        frame = encode_frame(message)
        with self._lock:
            if self._queued == 0 and self._has_room(len(frame)):
                self._write(frame)
                return
            self._queued += 1
            self._queue.put(frame)

    def flush(self) -> None:
        """Wait until everything sent is written; nothing may be sent afterwards."""
        self._queue.put(None)
        self._writer.join()

    def _has_room(self, size: int) -> bool:
        """Can the pipe take `size` bytes at once? POSIX: writable means room for PIPE_BUF."""
        if sys.platform == "win32" or size > select.PIPE_BUF:
            return False
        return bool(select.select((), (self._out,), (), 0)[1])

    def _read_all(self, handle: Callable[[ToWorker], None]) -> None:
        reader = FrameReader()
        try:
            while data := os.read(self._in, _READ_BYTES):
                for body in reader.feed(data):
                    handle(to_worker_decoder.decode(body))
        except (ProtocolError, msgspec.DecodeError) as error:
            _leave(_EXIT_PROTOCOL, f"the daemon sends what is no message: {error}")
        except OSError as error:
            _leave(_EXIT_DAEMON_GONE, f"the pipe is broken: {error}")
        _leave(_EXIT_DAEMON_GONE, "")

    def _write_all(self) -> None:
        while (frame := self._queue.get()) is not None:
            self._write(frame)
            with self._lock:
                self._queued -= 1

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._out, view) :]
        except OSError as error:
            _leave(_EXIT_DAEMON_GONE, f"the pipe is broken: {error}")


def _leave(status: int, why: str) -> NoReturn:
    """End now, without waiting for native code."""
    if why:
        os.write(2, f"engine worker ends: {why}\n".encode())
    os._exit(status)
