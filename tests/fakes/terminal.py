"""A person at a terminal: runs a command on a pseudo-terminal, reads what it shows, and types."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

PATIENCE_S = 30.0
ROWS, COLUMNS = 24, 80

# Makes the pseudo-terminal the controlling one, so that Ctrl-C becomes SIGINT.
_TAKE_TERMINAL = (
    "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
)
# The one question that every terminal answers (DSR 6); line editors ask it.
_WHERE_IS_THE_CURSOR = b"\x1b[6n"
_SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[=>]")


class Terminal:
    """`hob ARGS` on a terminal of 24 rows and 80 columns."""

    def __init__(self, *args: str, environ: Mapping[str, str] | None = None) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", ROWS, COLUMNS, 0, 0))
        self._process = subprocess.Popen(
            [sys.executable, "-c", _TAKE_TERMINAL, "-m", "hob", *args],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "xterm-256color", **(environ or {})},
        )
        os.close(slave)
        self._data = b""

    @property
    def raw(self) -> str:
        """Everything shown so far, as the terminal received it."""
        return self._data.decode("utf-8", errors="replace")

    @property
    def text(self) -> str:
        """The same without the sequences for colours and the cursor."""
        return _SEQUENCE.sub("", self.raw).replace("\r\n", "\n")

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def read_until(self, expected: str, times: int = 1) -> None:
        """Wait until `expected` has been shown so often; sequences may stand in between."""
        deadline = time.monotonic() + PATIENCE_S
        while max(self.text.count(expected), self.raw.count(expected)) < times:
            if not self._read(deadline - time.monotonic()):
                raise AssertionError(f"{expected!r} was never shown, but {self.raw!r}")

    def wait(self) -> int:
        """Read all there is to come and return the exit code."""
        deadline = time.monotonic() + PATIENCE_S
        while self._read(deadline - time.monotonic()):
            pass
        return self._process.wait(timeout=PATIENCE_S)

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        os.close(self._master)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _read(self, within_s: float) -> bool:
        """More of what is shown; False at the end, or when nothing comes in time."""
        ready, _, _ = select.select([self._master], [], [], max(within_s, 0))
        if not ready:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:
            # Linux says EIO when the last process has left the terminal.
            return False
        self._data += data
        if _WHERE_IS_THE_CURSOR in data:
            os.write(self._master, b"\x1b[1;1R")
        return bool(data)
