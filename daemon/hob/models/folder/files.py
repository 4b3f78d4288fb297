"""Looking at one file, whatever it turns out to be."""

from __future__ import annotations

import errno
import functools
import os
import stat
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from hob.errors import BadModelFile, Detail
from hob.models.disk import open_to_read
from hob.models.gguf.cursor import cut_short
from hob.models.gguf.describe import Description, describe
from hob.models.gguf.header import read_header
from hob.models.gguf.known import KnownLists

# A hole is normal where a disk stores zeros as such; an eighth of a model is not all zeros.
_HOLES_ALLOWED = 8
_MAX_HOLES = 256
# Larger than any file, and far from the limits of arithmetic.
_ANY_SIZE = 2**60

_EMPTY = BadModelFile(
    "The file is empty.", hint="Wait for the copy to end, or fetch the file again."
)
# Weights of zero load without an error and answer with nothing.
_UNWRITTEN = BadModelFile(
    "Large parts of the file were never written.",
    hint="Wait for the copy or download to end, or fetch the file again.",
)


class Stamp(NamedTuple):
    """What changes when a file does; an unreadable file has none of it."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    device: int

    @property
    def place(self) -> tuple[int, int]:
        """The same for every name of one file."""
        return self.device, self.inode

    @property
    def content(self) -> tuple[int, int, int, int]:
        """What a new name, a link and other permissions leave as it is."""
        return self.size, self.mtime_ns, self.inode, self.device


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file as it was when it was last read.

    `missing` is set while parts of it are not there: it is cut short, or was never written in
    places. `has_holes`: some part was never written, or is zeros that the disk does not store.
    """

    path: str
    stamp: Stamp | None
    about: Description
    missing: Missing | None = None
    has_holes: bool = False


class Missing(NamedTuple):
    """How far a file is, in bytes; `total` is 0 while its header does not say."""

    done: int
    total: int


def look(
    path: str,
    known: ModelFile | None = None,
    stamp: Stamp | None = None,
    lists: KnownLists | None = None,
) -> ModelFile:
    """What the file at `path` is now: `known` again when it did not change.

    `stamp` saves a look at the disk for who has just looked. `lists` makes reading many files
    faster; see KnownLists.
    """
    stamp = stamp or stamp_of(path)
    if known is not None and stamp is not None:
        if known.stamp == stamp:
            return known
        if grown := _grown(known, stamp):
            return grown
    try:
        return _read(path, stamp, lists)
    except BadModelFile as problem:
        about = _without(problem)
    except OSError as error:
        about = _without(_unreadable(error))
    return ModelFile(path, stamp, about)


def stamp_of(path: str) -> Stamp | None:
    """The stamp of a file, or None when there is none that can be looked at."""
    try:
        return stamp_from(os.stat(path))  # noqa: PTH116 (a Path costs more than the look)
    except (OSError, ValueError):
        return None


def stamp_from(at: os.stat_result) -> Stamp:
    return Stamp(at.st_size, at.st_mtime_ns, at.st_ctime_ns, at.st_ino, at.st_dev)


def _grown(known: ModelFile, stamp: Stamp) -> ModelFile | None:
    """`known` grown and still short of what its header says, so that a slow copy does not cost a
    reading of its header at every step."""
    missing, old = known.missing, known.stamp
    if not missing or not old or known.has_holes or stamp.place != old.place:
        return None
    if not missing.total or not missing.done < stamp.size < missing.total:
        return None
    about = replace(known.about, problem=cut_short(missing.total, stamp.size))
    return ModelFile(known.path, stamp, about, Missing(stamp.size, missing.total))


def _read(path: str, stamp: Stamp | None, lists: KnownLists | None) -> ModelFile:
    try:
        path.encode()
    except UnicodeEncodeError:
        raise BadModelFile(
            "The file's name is not valid UTF-8.", hint="Give the file another name."
        ) from None
    # Opening a device can do things, so look first; what is opened is looked at again, since it
    # may have been put there in between.
    _require_file(Path(path).stat())
    fd = open_to_read(path)
    try:
        at = os.fstat(fd)
        _require_file(at)
        if not at.st_size:
            return ModelFile(path, stamp, Description(problem=_EMPTY), Missing(0, 0))
        return _read_open(fd, path, stamp, at.st_size, lists)
    finally:
        os.close(fd)


def _read_open(
    fd: int, path: str, stamp: Stamp | None, size: int, lists: KnownLists | None
) -> ModelFile:
    # First, since Linux takes room that was only reserved for data once it has been read.
    holes = _hole_bytes(fd, size)
    try:
        header = read_header(fd, size, lists)
    except BadModelFile as problem:
        return _read_partial(fd, path, stamp, Missing(size - holes, size), problem)
    about = describe(header)
    end = header.data_end
    if holes and end < size:
        holes = _hole_bytes(fd, end)
    if holes * _HOLES_ALLOWED > end:
        about = replace(about, problem=_UNWRITTEN)
        return ModelFile(path, stamp, about, Missing(end - holes, end), has_holes=True)
    return ModelFile(path, stamp, about, None, bool(holes))


def _read_partial(
    fd: int, path: str, stamp: Stamp | None, there: Missing, problem: BadModelFile
) -> ModelFile:
    """A file whose header does not fit it: a part of one, or no model at all."""
    done, size = there
    if "need_bytes" not in problem.details and _first_bytes(fd).strip(b"\0"):
        return ModelFile(path, stamp, _without(problem))
    try:
        # The header alone, however short the file behind it is: it tells how long it will be.
        header = read_header(fd, _ANY_SIZE)
    except BadModelFile:
        return ModelFile(path, stamp, _without(problem), Missing(done, 0), done < size)
    about = replace(describe(header), problem=cut_short(header.data_end, size))
    return ModelFile(path, stamp, about, Missing(done, header.data_end), done < size)


def _first_bytes(fd: int) -> bytes:
    os.lseek(fd, 0, os.SEEK_SET)
    return os.read(fd, 4)


def _without(problem: BadModelFile) -> Description:
    """What is known of a file that is bad for this reason alone."""
    details = tuple(sorted(problem.details.items()))
    return _bad(problem.message, problem.hint, problem.param, details)


@functools.lru_cache(maxsize=256)
def _bad(
    message: str, hint: str, param: str, details: tuple[tuple[str, Detail], ...]
) -> Description:
    # Shared by all files that are bad in the same way, as thousands may be; and a new error, since
    # one that was raised keeps every frame that it passed.
    return Description(problem=BadModelFile(message, hint=hint, param=param, **dict(details)))


def stem_of(path: str) -> str:
    """The name of the file without its folder and its end, much sooner than a Path would tell."""
    return os.path.splitext(os.path.basename(path))[0]  # noqa: PTH119, PTH122


def _require_file(at: os.stat_result) -> None:
    if not stat.S_ISREG(at.st_mode):
        raise BadModelFile(
            f"It is {_kind(at.st_mode)}, not a file.", hint="Remove it from the models folder."
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
