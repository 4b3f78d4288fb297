"""Reading forward through an untrusted file, within bounds.

The file is read through a window of a fixed size, and never mapped into memory, because a mapped
file that somebody cuts short ends the process that touches it (SIGBUS).
"""

from __future__ import annotations

import hashlib
import os
import struct
import sys
from collections.abc import Mapping

from hob.errors import BadModelFile
from hob.models.gguf.known import KEPT_BYTES, KnownLists, Window

# Far above any real model; they bound the time and memory that a hostile header can cost.
MAX_HEADER_BYTES = 256 * 2**20
MAX_ARRAY_STRINGS = 4_000_000

ORDER = "<" if sys.byteorder == "little" else ">"
# Small enough that the allocator keeps it for the next file instead of asking the system.
_WINDOW_BYTES = 64 * 1024
# What a window keeps of the one before it, so that a token on the border of two is found.
_OVERLAP_BYTES = 64
# How many are held while a list is walked; a list that takes more is not remembered.
_MAX_WINDOWS = KEPT_BYTES // 2 // _WINDOW_BYTES + 2

# Strings to look for in a list, each by a part that is rare and that several share.
Marks = Mapping[bytes, tuple[bytes, ...]]
NO_MARKS: Marks = {}


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
    """Reads forward through a file with one window of memory; knows no meaning.

    `write_as` says how numbers are written: the byte order, and whether lengths and counts take
    32 bits (`narrow`, as in version 1) or 64. Lists in `known` are recognized and not walked.
    """

    def __init__(self, fd: int, file_bytes: int, known: KnownLists | None = None) -> None:
        self._fd = fd
        self._file_bytes = file_bytes
        self._known = known
        self._window = b""
        self._start = 0
        self._strings_left = MAX_ARRAY_STRINGS
        self._lists: list[tuple[int, int]] = []
        self.at = 0
        self.write_as(ORDER)

    def write_as(self, order: str, *, narrow: bool = False) -> None:
        self.order = order
        self._u32 = struct.Struct(order + "I")
        self._u64 = struct.Struct(order + "Q")
        self.length = self._u32 if narrow else self._u64

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
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
        return self.unpack(self._u32)

    def u64(self) -> int:
        return self.unpack(self._u64)

    def count(self) -> int:
        """A length or a count, which older versions write in fewer bits."""
        return self.unpack(self.length)

    def unpack(self, form: struct.Struct) -> int:
        offset = self._need(form.size)
        self.at += form.size
        value: int = form.unpack_from(self._window, offset)[0]
        return value

    def ahead(self, count: int) -> tuple[bytes, int]:
        """The window, and where in it the next bytes are: `count`, or all that the file has."""
        if self.at + count > self._start + len(self._window):
            self._load(self.at, self.at + count)
        return self._window, self.at - self._start

    def skip_list(self, count: int, size: int) -> None:
        """Step over a list of `count` values of `size` bytes each."""
        begin = self.at
        self.skip(count * size)
        self._lists.append((begin, self.at))

    def skip_strings(self, count: int, marks: Marks = NO_MARKS) -> frozenset[bytes]:
        """Step over `count` strings, of which only the lengths are looked at; which of `marks` are
        among them."""
        self._strings_left -= count
        if self._strings_left < 0:
            raise damaged(f"its lists hold over {MAX_ARRAY_STRINGS:,} strings")
        begin, key = self.at, (self.length.format, count, bool(marks))
        known = self._known.find(self._fd, begin, key) if self._known else None
        if known is not None:
            self.skip(known.size)
            found = known.found
        else:
            windows: list[Window] = []
            found = self._walk(count, marks, windows)
            if self._known:
                self._known.keep(begin, self.at, windows, key, found)
        self._lists.append((begin, self.at))
        return found

    def fingerprint(self) -> str:
        """16 hex digits of the SHA-256 of all bytes so far and of the file's size. Of lists only
        the type and the length count: vocabularies are large, and many files share one."""
        digest = hashlib.sha256()
        begin = 0
        for end, after in (*self._lists, (self.at, self.at)):
            os.lseek(self._fd, begin, os.SEEK_SET)
            left = end - begin
            while left and (piece := os.read(self._fd, min(left, _WINDOW_BYTES))):
                digest.update(piece)
                left -= len(piece)
            begin = after
        digest.update(self._file_bytes.to_bytes(8, "little"))
        return digest.hexdigest()[:16]

    def _walk(self, count: int, marks: Marks, windows: list[Window]) -> frozenset[bytes]:
        """Also gives the windows that it read, so that what is remembered is what was walked."""
        unpack, wide = self.length.unpack_from, self.length.size
        found: set[bytes] = set()
        searched = self.at
        while count:
            offset = self._need(wide)
            window = self._window
            if self._known and len(windows) < _MAX_WINDOWS:
                windows.append((self._start, window))
            last = len(window) - wide
            while count and offset <= last:
                offset += wide + unpack(window, offset)[0]
                count -= 1
            found |= self._marks_in(marks, searched, self._start + offset)
            # The last string may end far beyond the window: the next round moves it there.
            end = searched = self._start + len(window)
            self.skip(self._start + offset - self.at)
            if end < self.at <= end + _WINDOW_BYTES // 2:
                searched -= _OVERLAP_BYTES
                self._load(searched, self.at + wide)
        return frozenset(found | self._marks_in(marks, searched, self.at))

    def _marks_in(self, marks: Marks, begin: int, end: int) -> set[bytes]:
        """The strings of `marks` that the window holds between two places of the file, looked for
        by what many have in common."""
        window = self._window
        begin, end = max(begin - self._start, 0), end - self._start
        return {
            text
            for sign, texts in marks.items()
            if window.find(sign, begin, end) >= 0
            for text in texts
            if window.find(self.length.pack(len(text)) + text, begin, end) >= 0
        }

    def _need(self, count: int) -> int:
        """Where in the window the next `count` bytes begin, once they are there."""
        offset = self.at - self._start
        if offset + count > len(self._window):
            self.skip(count)
            self.at -= count
            self._load(self.at, self.at + count)
            offset = 0
            if len(self._window) < count:
                raise cut_short(self.at + count, self.at + len(self._window))
        return offset

    def _load(self, begin: int, end: int) -> None:
        """Move the window to `begin`; it reaches to `end` and, if it can, further."""
        os.lseek(self._fd, begin, os.SEEK_SET)
        self._window = os.read(self._fd, max(end - begin, _WINDOW_BYTES))
        self._start = begin
