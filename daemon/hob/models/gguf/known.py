"""Lists of strings that were walked before, so that the next file with the same one is not.

A folder of many models has few vocabularies. A list is taken for a known one only when all of its
bytes are equal, so the result is the one that walking it would give.
"""

from __future__ import annotations

import io
import mmap
import os
from collections.abc import Sequence
from dataclasses import dataclass

# What is kept at most, in bytes: the vocabularies of a few families.
KEPT_BYTES = 24 * 2**20
# Shorter ones are walked as fast as they are compared.
_LEAST_BYTES = 16 * 1024
_PIECE_BYTES = 256 * 1024
# How many lists of one length are compared with a new one at most.
_MAX_ALIKE = 4

# Where in the file it begins, and its bytes.
Window = tuple[int, bytes]
# How lengths are written, how many strings, and whether they were searched.
Key = tuple[str | bytes, int, bool]


@dataclass(frozen=True)
class KnownList:
    """A list of strings of `size` bytes; `found` is what was looked for in it and is there.

    Its bytes are in memory of their own, which goes back to the system at once when it is dropped.
    """

    key: Key
    size: int
    found: frozenset[bytes]
    data: mmap.mmap


class KnownLists:
    """Belongs to one pass over many files, on one thread; dropping it frees what it keeps."""

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        self._room = kept_bytes
        self._most = kept_bytes // 2
        # Those that were met last stand last.
        self._lists: list[KnownList] = []
        self._piece = bytearray()

    def find(self, fd: int, begin: int, key: Key) -> KnownList | None:
        """The known list that is the same as the one at `begin`, byte by byte."""
        alike = [known for known in reversed(self._lists) if known.key == key]
        for known in alike[:_MAX_ALIKE]:
            if self._is_same(fd, begin, known):
                self._lists.remove(known)
                self._lists.append(known)
                return known
        return None

    def keep(
        self, begin: int, end: int, windows: Sequence[Window], key: Key, found: frozenset[bytes]
    ) -> None:
        """Remember the list that was walked from `begin` to `end`, in these windows."""
        size = end - begin
        if not _LEAST_BYTES <= size <= self._most or not _cover(windows, begin, end):
            return
        while self._room < size:
            dropped = self._lists.pop(0)
            self._room += dropped.size
            dropped.data.close()
        data = mmap.mmap(-1, size)
        for start, window in windows:
            skipped = max(begin - start, 0)
            at = start + skipped - begin
            data[at : at + len(window) - skipped] = window[skipped : skipped + size - at]
        self._room -= size
        self._lists.append(KnownList(key, size, found, data))

    def _is_same(self, fd: int, begin: int, known: KnownList) -> bool:
        os.lseek(fd, begin, os.SEEK_SET)
        self._piece = self._piece or bytearray(_PIECE_BYTES)
        at = 0
        with io.FileIO(fd, closefd=False) as file, memoryview(known.data) as kept:
            while at < known.size:
                piece = self._piece
                if known.size - at < len(piece):
                    piece = bytearray(known.size - at)
                count = file.readinto(piece)
                with kept[at : at + len(piece)] as there:
                    if count != len(piece) or piece != there:
                        return False
                at += count
        return True


def _cover(windows: Sequence[Window], begin: int, end: int) -> bool:
    """Whether the windows hold everything between; a string larger than one leaves a gap."""
    reached = begin
    for start, window in windows:
        if start > reached:
            return False
        reached = max(reached, start + len(window))
    return reached >= end
