"""One desktop for each session: whoever holds its lock is the desktop there."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path

from hob.errors import AlreadyRunning, StartFailed
from hob.paths import Paths


@contextlib.contextmanager
def only_desktop(paths: Paths, session: str) -> Iterator[None]:
    """Hold the lock while the desktop runs; it goes with its process however that ends.

    Raises AlreadyRunning, or StartFailed when the lock cannot be made.
    """
    from filelock import FileLock, Timeout

    try:
        paths.run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = FileLock(_lock_file(paths, session), mode=0o600)
        lock.acquire(blocking=False)
    except Timeout:
        raise AlreadyRunning(
            f"Hob's desktop runs on {session} already, and one for each screen is all there is.",
            hint="Its icon is in the panel; `Quit` in its menu ends it.",
        ) from None
    except OSError as error:
        raise StartFailed(
            f"The lock of the desktop cannot be made in {paths.run_dir} ({error.strerror}).",
            hint="Make that folder writable for you, or set HOB_HOME to one that is.",
        ) from error
    try:
        yield
    finally:
        lock.release()


def is_taken(paths: Paths, session: str) -> bool:
    """Whether a desktop runs in that session."""
    from filelock import FileLock, Timeout

    if not paths.run_dir.is_dir():
        return False
    try:
        with FileLock(_lock_file(paths, session), mode=0o600).acquire(blocking=False):
            return False
    except Timeout:
        return True


def _lock_file(paths: Paths, session: str) -> Path:
    """The name of a session may hold anything, and a file's may not."""
    name = hashlib.sha256(session.encode(errors="replace")).hexdigest()[:16]
    return paths.run_dir / f"desktop-{name}.lock"
