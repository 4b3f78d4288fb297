"""Exactly one daemon per user (or per HOB_HOME): whoever holds the lock is the daemon.

The lock is the operating system's own, so it goes with its process however that ends; the pid file
beside it only tells a person who holds it.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from hob.errors import AlreadyRunning, StartFailed
from hob.paths import Paths


@contextlib.contextmanager
def only_instance(paths: Paths) -> Iterator[None]:
    """Hold the lock while the daemon runs.

    Raises AlreadyRunning, with the pid in `details` where it is known, when another holds it, and
    StartFailed when the lock cannot be made.
    """
    from filelock import FileLock, Timeout

    _make_private(paths.run_dir)
    lock = FileLock(paths.lock_file, mode=0o600)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise _taken(paths) from None
    except OSError as error:
        raise StartFailed(
            f"The lock file {paths.lock_file} cannot be made ({error.strerror}).",
            hint="Make its folder writable for you, or set HOB_HOME to one that is.",
        ) from error
    try:
        paths.pid_file.write_text(f"{os.getpid()}\n", encoding="ascii")
        yield
    finally:
        with contextlib.suppress(OSError):
            paths.pid_file.unlink()
        lock.release()


def running_pid(paths: Paths) -> int | None:
    """The pid that the daemon wrote down, or None; only true while its lock is held."""
    try:
        return int(paths.pid_file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _taken(paths: Paths) -> AlreadyRunning:
    pid = running_pid(paths)
    who = f" (pid {pid})" if pid else ""
    error = AlreadyRunning(
        f"Hob is already running{who}, and one daemon per user is all there is.",
        hint="`hob status` shows it; `hob restart` starts it anew.",
    )
    if pid:
        error.details["pid"] = pid
    return error


def _make_private(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StartFailed(
            f"The folder {folder} cannot be made ({error.strerror}).",
            hint="Make the folder above it writable for you, or set HOB_HOME to one that is.",
        ) from error
    # Before a file is opened in it: the folder may be under /tmp (see hob.paths), and links that
    # another user left in it would lead into this user's own files.
    found = folder.lstat()
    if sys.platform != "win32" and (
        not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid()
    ):
        raise StartFailed(
            f"{folder} is a link or belongs to another user, and Hob needs a folder of its own.",
            hint="Look at what it is and move it away, or set HOB_HOME to another folder.",
        )
