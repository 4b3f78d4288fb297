"""The cache folder: `<folder>/<identity>/<tokens>.state`, both names of 32 hexadecimal digits.

Several workers and daemons may use it at once, so any file may be gone by the time it is touched.
What is not named like this, a link, or not the user's own is not ours: never read, counted or
removed.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

_FOLDER = re.compile(r"[0-9a-f]{32}")
_STATE = re.compile(r"[0-9a-f]{32}\.state")
_PARTIAL = re.compile(r"\.(\d{1,10})\.[0-9a-f]{16}\.partial")
# Longer than any write takes.
_PARTIAL_AGE_S = 3600


class NotOurs(Exception):
    """A link, no regular file, or one that others own or may write."""


@dataclass(frozen=True, slots=True)
class StateFile:
    """`used_ns` is when it was used last, in nanoseconds."""

    path: Path
    size: int
    used_ns: int


def make_private_folder(folder: Path) -> None:
    """For the user alone. Raises OSError, and NotOurs when there is one that is not private."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _check_folder(folder)


def _check_folder(folder: Path) -> None:
    found = folder.lstat()
    if not (stat.S_ISDIR(found.st_mode) and _private(found)):
        raise NotOurs(f"{folder} is a link, or others own it or may write it")


def open_ours(path: Path) -> FileIO:
    """Open for reading, unbuffered. Raises OSError and NotOurs."""
    # O_NONBLOCK: opening a planted FIFO must not wait for its writer.
    flags = os.O_RDONLY | _flag("O_NOFOLLOW") | _flag("O_NONBLOCK") | _flag("O_CLOEXEC")
    # Unlike Path.open, `os.open` does not follow a link.
    file = os.fdopen(os.open(path, flags | _flag("O_BINARY")), "rb", buffering=0)
    found = os.fstat(file.fileno())
    if stat.S_ISREG(found.st_mode) and _private(found):
        return file
    file.close()
    raise NotOurs(f"{path} is no regular file, or others own it or may write it")


def create_partial(folder: Path) -> tuple[Path, FileIO]:
    """A new file for what is being written; its name says which process does it."""
    path = folder / f".{os.getpid()}.{secrets.token_hex(8)}.partial"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _flag("O_NOFOLLOW") | _flag("O_CLOEXEC")
    handle = os.open(path, flags | _flag("O_BINARY"), 0o600)
    return path, os.fdopen(handle, "wb", buffering=0)


def state_files(folder: Path) -> list[StateFile]:
    """The states in the folder of one identity, or none when it is gone."""
    return list(_matching(folder, _STATE))


def all_state_files(folder: Path) -> list[StateFile]:
    """The states of all identities in the cache folder."""
    return [file for part in _parts(folder) for file in state_files(part)]


def surplus(files: list[StateFile], limit: int) -> list[StateFile]:
    """Those that must go for the others to fit into `limit` bytes: the least recently used."""
    excess = sum(file.size for file in files) - limit
    going = []
    for file in sorted(files, key=lambda file: (file.used_ns, file.path)):
        if excess <= 0:
            break
        going.append(file)
        excess -= file.size
    return going


def sweep(folder: Path) -> None:
    """Remove what crashes have left half written, and the folders in which nothing is left."""
    for part in _parts(folder):
        for file in _matching(part, _PARTIAL):
            if _is_leftover(file):
                remove(file.path)
        with suppress(OSError):
            part.rmdir()


def touch(path: Path) -> bool:
    """It was used just now; False when it is gone."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    except OSError:
        # Read-only, and so in nobody's way.
        return True
    return True


def remove(path: Path) -> None:
    """Somebody else may have been quicker, or still read it on a system that minds."""
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _is_leftover(file: StateFile) -> bool:
    import psutil

    named = _PARTIAL.fullmatch(file.path.name)
    assert named is not None, "only such files are asked about"
    old = time.time_ns() - file.used_ns > _PARTIAL_AGE_S * 10**9
    return old or not psutil.pid_exists(int(named[1]))


def _parts(folder: Path) -> list[Path]:
    with suppress(OSError), os.scandir(folder) as found:
        return [
            Path(entry)
            for entry in found
            if _FOLDER.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False)
        ]
    return []


def _matching(folder: Path, name: re.Pattern[str]) -> Iterator[StateFile]:
    with suppress(OSError, NotOurs):
        _check_folder(folder)
        yield from _entries(folder, name)


def _entries(folder: Path, name: re.Pattern[str]) -> Iterator[StateFile]:
    with os.scandir(folder) as found:
        for entry in found:
            if name.fullmatch(entry.name):
                with suppress(OSError):
                    about = entry.stat(follow_symlinks=False)
                    if stat.S_ISREG(about.st_mode) and _private(about):
                        yield StateFile(Path(entry), about.st_size, about.st_mtime_ns)


def _private(found: os.stat_result) -> bool:
    """Windows has no such bits; a user's profile is private there by its access list."""
    if sys.platform == "win32":
        return True
    return found.st_uid == os.geteuid() and not found.st_mode & 0o022


def _flag(name: str) -> int:
    """An `os` flag that this system may lack."""
    return int(getattr(os, name, 0))
