"""A log file that only its owner can read and that rotates: hob.log, hob.log.1, hob.log.2, ..."""

from __future__ import annotations

import os
from pathlib import Path


class RotatingFile:
    """Appends whole lines; begins a new file before one would exceed `max_bytes`.

    `files` are kept, the current one included. Only one thread may write.
    """

    def __init__(self, path: Path, max_bytes: int, files: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._files = files
        self._fd: int | None = None
        self._size = 0
        self._torn = False

    def write(self, line: bytes) -> None:
        """Append `line`, which ends with a newline.

        Raises OSError when it could not be written in full; the next write starts on a new line.
        """
        fd = self._current()
        if self._size and self._size + len(line) > self._max_bytes:
            self._rotate()
            fd = self._current()
        rest = memoryview(b"\n" + line if self._torn else line)
        while rest:
            written = os.write(fd, rest)
            self._size += written
            rest = rest[written:]
            self._torn = bool(rest)

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _current(self) -> int:
        """The open file; opened again when somebody has moved or removed it."""
        if self._fd is not None and not self._is_in_place(self._fd):
            self.close()
        if self._fd is None:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
            self._fd = os.open(self._path, flags, 0o600)
            if hasattr(os, "fchmod"):
                os.fchmod(self._fd, 0o600)
            self._size = os.fstat(self._fd).st_size
        return self._fd

    def _is_in_place(self, fd: int) -> bool:
        try:
            return os.path.samestat(self._path.stat(), os.fstat(fd))
        except FileNotFoundError:
            return False

    def _rotate(self) -> None:
        self.close()
        self._torn = False
        for number, path in reversed(rotated_files(self._path)):
            if number >= self._files - 1:
                path.unlink()
            else:
                path.replace(self._numbered(number + 1))
        if self._files > 1:
            self._path.replace(self._numbered(1))
        else:
            self._path.unlink()

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


def rotated_files(path: Path) -> list[tuple[int, Path]]:
    """The older files of the log at `path` with their numbers; the youngest, number 1, first."""
    found = []
    for candidate in path.parent.glob(f"{path.name}.*"):
        number = candidate.name.removeprefix(f"{path.name}.")
        if number.isascii() and number.isdigit():
            found.append((int(number), candidate))
    return sorted(found)
