"""The named pipe of Windows, opened as a file: a request is written, then its answer is read."""

from __future__ import annotations

import errno
import os
import threading
import time
from io import FileIO
from pathlib import Path

from hob.errors import DaemonUnreachable, ForbiddenPeer, NotRunning

_RECEIVE_BYTES = 64 * 1024
# All instances of the pipe are taken until the daemon opens the next one, which takes it
# microseconds; see ERROR_PIPE_BUSY in the documentation of CreateFile.
_ERROR_PIPE_BUSY = 231
_BUSY_RETRIES = 100
_BUSY_WAIT_S = 0.02


class PipeTransport:
    """A Transport over an open pipe.

    A file handle knows no timeout: the daemon's own limits bound how long an answer takes.
    """

    def __init__(self, file: FileIO) -> None:
        self._file = file

    def send(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._file.write(rest) or 0 :]
            except ValueError as error:
                raise _interrupted() from error

    def receive(self) -> bytes:
        try:
            return self._file.read(_RECEIVE_BYTES) or b""
        except BrokenPipeError:
            # How Windows says that the other end has closed.
            return b""
        except ValueError as error:
            raise _interrupted() from error

    def set_timeout(self, seconds: float | None) -> None:
        """Nothing to set; see the class."""

    def interrupt(self) -> None:
        # Windows lets no one close a file while another thread reads from it: CloseHandle waits
        # for the read, and whoever interrupts must not.
        threading.Thread(target=self._file.close, daemon=True).start()

    def close(self) -> None:
        self._file.close()


def _interrupted() -> OSError:
    """For what Python says of a file that was closed in the meantime."""
    return OSError(errno.EPIPE, "The pipe was closed.")


def connect_pipe(name: Path) -> PipeTransport:
    """Open the pipe called `name`.

    Raises NotRunning, ForbiddenPeer or DaemonUnreachable.
    """
    for _ in range(_BUSY_RETRIES):
        try:
            return PipeTransport(FileIO(os.fspath(name), "r+"))
        except FileNotFoundError as error:
            raise NotRunning("Hob is not running.", hint="Start it with `hob up`.") from error
        except PermissionError as error:
            raise ForbiddenPeer(
                f"You have no right to use Hob's pipe {name}.",
                hint="Each user has a daemon of their own: start yours with `hob up`.",
            ) from error
        except OSError as error:
            if getattr(error, "winerror", None) != _ERROR_PIPE_BUSY:
                raise DaemonUnreachable(
                    f"Hob cannot be reached at {name} ({error.strerror}).",
                    hint="`hob restart` starts it anew.",
                ) from error
        time.sleep(_BUSY_WAIT_S)
    raise DaemonUnreachable(
        "Hob takes no more connections.", hint="Close some clients, or run `hob restart`."
    )
