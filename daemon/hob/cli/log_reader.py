"""Reading the log back: its last entries across rotated files, and what is added to it."""

from __future__ import annotations

import contextlib
import json
import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from hob.logs.entry import LEVELS, Entry
from hob.logs.file import rotated_files

_BLOCK_BYTES = 64 * 1024


def read_entry(line: bytes) -> Entry:
    """The entry on `line`; a line that is none becomes an entry of its text."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        entry = None
    if isinstance(entry, dict):
        return entry
    return {"level": "info", "logger": "?", "msg": line.decode(errors="replace").rstrip()}


def at_least(entry: Entry, level: str) -> bool:
    """Is `entry` as severe as `level`? One of an unknown level always is."""
    own = str(entry.get("level"))
    return own not in LEVELS or LEVELS.index(own) >= LEVELS.index(level)


def last_entries(log_file: Path, count: int, level: str) -> list[Entry]:
    """The last `count` entries of at least `level`, the oldest first; reads files as needed."""
    found: deque[Entry] = deque()
    if count <= 0:
        return []
    for path in (log_file, *(older for _, older in rotated_files(log_file))):
        for line in lines_backwards(path):
            entry = read_entry(line)
            if at_least(entry, level):
                found.appendleft(entry)
            if len(found) == count:
                return list(found)
    return list(found)


def lines_backwards(path: Path) -> Iterator[bytes]:
    """The complete lines of a file, last one first; none if it is gone."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        position = file.seek(0, os.SEEK_END)
        # What follows the last newline is still being written.
        tail: bytes | None = None
        rest = b""
        while position:
            start = max(0, position - _BLOCK_BYTES)
            file.seek(start)
            lines = (file.read(position - start) + rest).split(b"\n")
            position = start
            rest = lines[0]
            for line in reversed(lines[1:]):
                if tail is None:
                    tail = line
                elif line:
                    yield line
        if rest and tail is not None:
            yield rest


class Follower:
    """Hands out the lines that are added to a log from now on, through every rotation.

    The file is opened anew for each look: on Windows an open file could not be rotated.
    """

    def __init__(self, log_file: Path) -> None:
        self._path = log_file
        self._seen: os.stat_result | None = None
        self._position = 0
        self._partial = b""
        # What is there already is not handed out.
        with contextlib.suppress(FileNotFoundError):
            self._seen = log_file.stat()
            self._position = self._seen.st_size

    def poll(self) -> list[bytes]:
        """The complete lines since the last look."""
        with contextlib.ExitStack() as stack:
            file = _open(self._path, stack)
            # Of the open file, since the name may stand for another one a moment later.
            now = os.fstat(file.fileno()) if file else None
            seen, self._seen = self._seen, now
            lines: list[bytes] = []
            if seen is not None and (now is None or not os.path.samestat(now, seen)):
                # Rotated or removed. The next file may be given the same inode, so the old one
                # is finished with now, even if there is no new one yet.
                lines += self._rest_of_rotated(seen, stack)
            elif now is not None and now.st_size < self._position:
                self._begin_file()
            return lines + (self._read(file) if file else [])

    def _rest_of_rotated(self, seen: os.stat_result, stack: contextlib.ExitStack) -> list[bytes]:
        """What was added before the rotation; files rotated since are read in whole."""
        lines: list[bytes] = []
        newer: list[BinaryIO] = []
        for _, path in rotated_files(self._path):
            file = _open(path, stack)
            if file and os.path.samestat(os.fstat(file.fileno()), seen):
                lines += self._read(file)
                for whole in reversed(newer):
                    self._begin_file()
                    lines += self._read(whole)
                break
            if file:
                newer.append(file)
        self._begin_file()
        return lines

    def _begin_file(self) -> None:
        self._position, self._partial = 0, b""

    def _read(self, file: BinaryIO) -> list[bytes]:
        file.seek(self._position)
        data = file.read()
        self._position += len(data)
        *lines, self._partial = (self._partial + data).split(b"\n")
        return [line for line in lines if line]


def _open(path: Path, stack: contextlib.ExitStack) -> BinaryIO | None:
    """The file, closed with `stack`; None when it is not there (any more)."""
    try:
        return stack.enter_context(path.open("rb"))
    except FileNotFoundError:
        return None
