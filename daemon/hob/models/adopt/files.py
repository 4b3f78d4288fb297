"""Looking into folders that other programs, or strangers, have filled: bounded, never led out."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hob.errors import BadModelFile
from hob.models.disk import open_to_read
from hob.models.gguf.checks import clean

MAX_VISITED = 50_000
_MAGIC = b"GGUF"


class Budget:
    """How many entries of folders may still be looked at, over all stores of one listing."""

    def __init__(self, entries: int = MAX_VISITED) -> None:
        self._left = entries

    def take(self, entries: int = 1) -> bool:
        """Whether there is anything left after this; a file to be read costs more than one."""
        self._left -= entries
        return self._left >= 0

    @property
    def spent(self) -> bool:
        return self._left < 0


@dataclass(frozen=True)
class Entry:
    """A file or folder by its path, and by its names below the folder that was walked."""

    path: Path
    names: tuple[str, ...]


def listed(folder: Path, budget: Budget) -> list[os.DirEntry[str]]:
    """The entries of a folder in the order of their names; hidden ones, and those whose names no
    text can hold, are left out. Raises OSError."""
    found: list[os.DirEntry[str]] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if not budget.take():
                break
            if not entry.name.startswith(".") and _is_text(entry.name):
                found.append(entry)
    return sorted(found, key=lambda entry: entry.name)


def files_below(
    folder: Path, depth: int, budget: Budget, names: tuple[str, ...] = ()
) -> Iterator[Entry]:
    """The files up to `depth` folders down. Links to folders are not followed, so there are no
    rings; a folder inside that cannot be read is passed over. Raises OSError for `folder` itself.
    """
    for entry in listed(folder, budget):
        path, below = folder / entry.name, (*names, entry.name)
        if not entry.is_dir(follow_symlinks=False):
            yield Entry(path, below)
        elif depth > 0:
            try:
                yield from files_below(path, depth - 1, budget, below)
            except OSError:
                continue


def is_gguf(name: str) -> bool:
    return name.lower().endswith(".gguf")


def checked(path: Path, root: Path) -> tuple[Path, int]:
    """The real place and the size of a GGUF file that `path` leads to, inside `root`, which is a
    real place itself. Raises BadModelFile."""
    try:
        real = path.resolve(strict=True)
        at = real.stat()
    except FileNotFoundError as error:
        raise BadModelFile(
            "Its file is not there.", hint="Fetch the model again with that program."
        ) from error
    except (OSError, RuntimeError, ValueError) as error:
        raise _unreadable(error) from error
    if not real.is_relative_to(root):
        raise BadModelFile(
            f"Its file is a link out of that program's folder, to {clean(str(real))}.",
            hint="If you trust that file, link it yourself: `hob models import --link FILE`.",
        )
    if not stat.S_ISREG(at.st_mode):
        raise BadModelFile("It is not a file.", hint="Look at what lies there.")
    try:
        magic = head(real, len(_MAGIC))
    except OSError as error:
        raise _unreadable(error) from error
    if magic != _MAGIC:
        raise BadModelFile(
            "It is not a GGUF file, and Hob runs no others.",
            hint="Fetch a GGUF version of the model.",
        )
    return real, at.st_size


def read_text(path: Path, root: Path, max_bytes: int) -> str:
    """A small text file inside `root`; empty when it is not there, is too large, lies elsewhere or
    cannot be read."""
    try:
        real = path.resolve(strict=True)
        at = real.stat()
        if not real.is_relative_to(root) or not stat.S_ISREG(at.st_mode) or at.st_size > max_bytes:
            return ""
        return head(real, max_bytes).decode("utf-8", "replace")
    except (OSError, RuntimeError, ValueError):
        return ""


def head(path: Path, size: int) -> bytes:
    """The first bytes of a plain file, without waiting for a pipe that took its place."""
    fd = open_to_read(path)
    with open(fd, "rb") as file:  # noqa: PTH123 (a file descriptor)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError("it is not a plain file")
        return file.read(size)


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _unreadable(error: Exception) -> BadModelFile:
    why = getattr(error, "strerror", None) or "its links lead nowhere"
    return BadModelFile(
        f"Its file cannot be read: {why}.", hint="Change the file's permissions, or ask its owner."
    )
