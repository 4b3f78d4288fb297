"""Looking at one file, whatever it turns out to be."""

from __future__ import annotations

import errno
import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from hob.errors import BadModelFile
from hob.models.gguf.describe import Description, describe
from hob.models.gguf.header import read_header
from hob.models.gguf.known import KnownLists

# A hole is normal where a disk stores zeros as such; an eighth of a model is not all zeros.
_HOLES_ALLOWED = 8
_MAX_HOLES = 256


@dataclass(frozen=True)
class Stamp:
    """What changes when a file does; an unreadable file has none of it."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    device: int


@dataclass(frozen=True)
class ModelFile:
    """One file as it was when it was last read."""

    path: str
    stamp: Stamp | None
    about: Description


def look(path: str, known: ModelFile | None = None, lists: KnownLists | None = None) -> ModelFile:
    """What the file at `path` is now: `known` again when it did not change. `lists` makes reading
    many files faster; see KnownLists."""
    stamp = stamp_of(path)
    if known is not None and stamp is not None and known.stamp == stamp:
        return known
    try:
        about = _read(path, lists)
    except BadModelFile as problem:
        about = Description(problem=problem)
    except OSError as error:
        about = Description(problem=_unreadable(error))
    return ModelFile(path, stamp, about)


def stamp_of(path: str) -> Stamp | None:
    """The stamp of a file, or None when there is none that can be looked at."""
    try:
        at = Path(path).stat()
    except (OSError, ValueError):
        return None
    return Stamp(at.st_size, at.st_mtime_ns, at.st_ctime_ns, at.st_ino, at.st_dev)


def _read(path: str, lists: KnownLists | None) -> Description:
    try:
        path.encode()
    except UnicodeEncodeError:
        raise BadModelFile(
            "The file's name is not valid UTF-8.", hint="Give the file another name."
        ) from None
    # Opening a device can do things, so look first; what is opened is looked at again, since it
    # may have been put there in between. Without O_NONBLOCK, opening a FIFO waits for a writer.
    _require_file(Path(path).stat())
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    fd = os.open(path, flags | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOCTTY", 0))
    try:
        at = os.fstat(fd)
        _require_file(at)
        header = read_header(fd, at.st_size, lists)
        _require_written(fd, header.data_end)
        return describe(header)
    finally:
        os.close(fd)


def _require_file(at: os.stat_result) -> None:
    if not stat.S_ISREG(at.st_mode):
        raise BadModelFile(
            f"It is {_kind(at.st_mode)}, not a file.", hint="Remove it from the models folder."
        )
    if not at.st_size:
        raise BadModelFile(
            "The file is empty.", hint="Wait for the copy to end, or fetch the file again."
        )


def _require_written(fd: int, end: int) -> None:
    """Refuse a file with large holes: a download whose room was reserved and that is not done.

    Weights of zero load without an error and answer with nothing.
    """
    if _hole_bytes(fd, end) * _HOLES_ALLOWED > end:
        raise BadModelFile(
            "Large parts of the file were never written.",
            hint="Wait for the copy or download to end, or fetch the file again.",
        )


def _hole_bytes(fd: int, end: int) -> int:
    """How much of the first `end` bytes lies in holes, where the OS and the disk can tell."""
    if sys.platform == "win32":
        return 0
    at = holes = 0
    for _ in range(_MAX_HOLES):
        hole = os.lseek(fd, at, os.SEEK_HOLE)
        if hole >= end:
            break
        try:
            at = min(os.lseek(fd, hole, os.SEEK_DATA), end)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            at = end  # the hole reaches to the end of the file
        holes += at - hole
        if at == end:
            break
    return holes


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    if stat.S_ISFIFO(mode):
        return "a pipe"
    return "a device or socket"


def _unreadable(error: OSError) -> BadModelFile:
    if isinstance(error, FileNotFoundError):
        return BadModelFile(
            "The link leads to a file that is not there.",
            hint="Put the file back, or remove the link.",
        )
    if isinstance(error, PermissionError):
        return BadModelFile(
            "The file may not be read by you.", hint="Change the file's permissions."
        )
    if isinstance(error, IsADirectoryError):
        return BadModelFile("It is a folder, not a file.", hint="Give the folder another name.")
    return BadModelFile(
        f"The file cannot be read: {error.strerror or 'unknown error'}.",
        hint="Look at the disk, or move the file to another one.",
    )
