"""Giving files other names without ever taking the place of another file."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from hob.errors import DiskFull, DownloadError, HobError, NameTaken
from hob.models.gguf.checks import clean

# What file systems without hard links answer.
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS})


def move(old: Path, new: Path) -> None:
    """Rename within one file system; a link is moved as a link. Raises FileExistsError when `new`
    is there by then, and OSError."""
    if sys.platform == "win32" or _differ_in_case(old, new):
        old.rename(new)  # which takes no file's place there
        return
    try:
        os.link(old, new, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
    else:
        old.unlink()
        return
    # Nobody else gets a name that we hold.
    os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        old.replace(new)
    except OSError:
        new.unlink()
        raise


def _differ_in_case(old: Path, new: Path) -> bool:
    """On a disk that does not tell small letters from capital ones, they are one file."""
    return str(old).lower() == str(new).lower() and new.exists() and new.samefile(old)


def move_all(moves: Sequence[tuple[Path, Path]]) -> None:
    """Move every file, or none. Raises NameTaken, DiskFull or DownloadError."""
    done: list[tuple[Path, Path]] = []
    try:
        for old, new in moves:
            move(old, new)
            done.append((old, new))
    except OSError as error:
        for old, new in reversed(done):
            with contextlib.suppress(OSError):
                move(new, old)
        raise translated(error, moves[len(done)][1]) from error


def translated(error: OSError, path: Path) -> HobError:
    """What kept a file from being made at `path`, for a person."""
    shown = clean(str(path))
    if isinstance(error, FileExistsError):
        return NameTaken(
            f"There is something at {shown} already, and it was left alone.",
            hint="Choose another name.",
            param="to",
        )
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(
            f"The disk is full, so {shown} could not be written.",
            hint="Make room, or set another models folder; `--link` takes no room.",
        )
    return DownloadError(
        f"{shown} cannot be written: {error.strerror or 'unknown error'}.",
        hint="Look at the folder's permissions, and whether its disk can be written to.",
    )
