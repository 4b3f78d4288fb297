"""Reading forward through an untrusted file, within bounds.

The file is read through a window of a fixed size, and never mapped into memory, because a mapped
file that somebody cuts short ends the process that touches it (SIGBUS).
"""

from __future__ import annotations

import hashlib
import os
import struct
import sys

from hob.errors import BadModelFile

# Far above any real model; they bound the time and memory that a hostile header can cost.
MAX_HEADER_BYTES = 256 * 2**20
MAX_ARRAY_STRINGS = 4_000_000

ORDER = "<" if sys.byteorder == "little" else ">"
_WINDOW_BYTES = 256 * 1024
_U32 = struct.Struct(ORDER + "I")
_U64 = struct.Struct(ORDER + "Q")


def cut_short(need: int, have: int) -> BadModelFile:
    """The error for a file of `have` bytes whose header promises `need`."""
    return BadModelFile(
        f"The file is cut short: it should have at least {need:,} bytes and has {have:,}.",
        hint="Wait for the copy or download to end, or fetch the file again.",
        need_bytes=need,
        have_bytes=have,
    )


def damaged(what: str) -> BadModelFile:
    return BadModelFile(
        f"The file is damaged, or no model at all: {what}.", hint="Fetch the file again."
    )


class Cursor:
    """Reads forward through a file with one window of memory; knows no meaning."""

    def __init__(self, fd: int, file_bytes: int) -> None:
        self._fd = fd
        self._file_bytes = file_bytes
        self._window = b""
        self._start = 0
        self._strings_left = MAX_ARRAY_STRINGS
        self.at = 0

    def take(self, count: int) -> bytes:
        """The next `count` bytes, as many as a window holds or fewer."""
        offset = self._need(count)
        self.at += count
        return self._window[offset : offset + count]

    def skip(self, count: int) -> None:
        """Step over `count` bytes without reading them."""
        end = self.at + count
        if end > MAX_HEADER_BYTES:
            raise damaged(f"its header would be over {MAX_HEADER_BYTES // 2**20} MiB")
        if end > self._file_bytes:
            raise cut_short(end, self._file_bytes)
        self.at = end

    def u32(self) -> int:
        return self.unpack(_U32)

    def u64(self) -> int:
        return self.unpack(_U64)

    def unpack(self, form: struct.Struct) -> int:
        offset = self._need(form.size)
        self.at += form.size
        value: int = form.unpack_from(self._window, offset)[0]
        return value

    def skip_strings(self, count: int) -> None:
        """Step over `count` strings, of which only the lengths are looked at."""
        self._strings_left -= count
        if self._strings_left < 0:
            raise damaged(f"its lists hold over {MAX_ARRAY_STRINGS:,} strings")
        unpack = _U64.unpack_from
        while count:
            offset = self._need(8)
            window = self._window
            last = len(window) - 8
            while count and offset <= last:
                offset += 8 + unpack(window, offset)[0]
                count -= 1
            # The last string may end far beyond the window: the next round moves it there.
            self.skip(self._start + offset - self.at)

    def fingerprint(self) -> str:
        """16 hex digits of the SHA-256 of all bytes so far, and of the file's size."""
        digest = hashlib.sha256()
        os.lseek(self._fd, 0, os.SEEK_SET)
        left = self.at
        while left and (piece := os.read(self._fd, min(left, _WINDOW_BYTES))):
            digest.update(piece)
            left -= len(piece)
        digest.update(self._file_bytes.to_bytes(8, "little"))
        return digest.hexdigest()[:16]

    def _need(self, count: int) -> int:
        """Where in the window the next `count` bytes begin, once they are there."""
        offset = self.at - self._start
        if offset + count > len(self._window):
            self.skip(count)
            self.at -= count
            os.lseek(self._fd, self.at, os.SEEK_SET)
            self._window = os.read(self._fd, max(count, _WINDOW_BYTES))
            self._start = self.at
            offset = 0
            if len(self._window) < count:
                raise cut_short(self.at + count, self.at + len(self._window))
        return offset
