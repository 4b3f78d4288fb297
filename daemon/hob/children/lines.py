"""What a child process says on stderr, as lines of the log."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque

READ_BYTES = 64 * 1024
LINE_CHARS = 1_000
LINES_PER_SECOND = 50
LAST_LINES = 20


class LineLog:
    """Writes lines to `logger`, and keeps the last ones. llama.cpp and plugins can be made to print
    without end, so lines are bounded in length and in number."""

    def __init__(self, logger: logging.Logger) -> None:
        self.logger = logger
        self.last: deque[str] = deque(maxlen=LAST_LINES)
        self._second = 0
        self._logged = 0
        self._dropped = 0

    async def read(self, stream: asyncio.StreamReader) -> None:
        """Until the stream ends."""
        cutter = _LineCutter()
        while data := await stream.read(READ_BYTES):
            for line in cutter.feed(data):
                self._take(line)

    def _take(self, line: str) -> None:
        self.last.append(line)
        now = int(time.monotonic())
        if now != self._second:
            if self._dropped:
                self.logger.info("(%d more lines)", self._dropped)
            self._second, self._logged, self._dropped = now, 0, 0
        if self._logged < LINES_PER_SECOND:
            self._logged += 1
            self.logger.info("%s", line)
        else:
            self._dropped += 1


class _LineCutter:
    """Cuts bytes into lines of at most LINE_CHARS; the rest of a longer line is dropped."""

    def __init__(self) -> None:
        self._partial = bytearray()

    def feed(self, data: bytes) -> list[str]:
        *lines, rest = data.split(b"\n")
        cut: list[str] = []
        for line in lines:
            self._extend(line)
            cut.append(_printable(self._partial))
            self._partial.clear()
        self._extend(rest)
        return [line for line in cut if line]

    def _extend(self, data: bytes) -> None:
        self._partial += data[: LINE_CHARS - len(self._partial)]


def _printable(line: bytes | bytearray) -> str:
    """A model file can put escape sequences into llama.cpp's messages, and logs are read on a
    terminal."""
    text = line.decode("utf-8", "replace").rstrip()
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
