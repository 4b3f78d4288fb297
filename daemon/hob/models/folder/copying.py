"""Whether a file is whole, on its way, or was left behind half copied.

A file is whole when its header and the extents of its tensors say so, not when nothing has been
written for a while. Only a copy that reserved its room first looks whole too early; its writer,
which still has it open, gives it away.
"""

from __future__ import annotations

import os
import signal
import stat
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hob.errors import ModelCopying
from hob.models.folder.files import Missing, ModelFile, Stamp

# After this long without growth, and with nobody who writes, a copy was given up.
PATIENCE_S = 30.0
# How long a file that looks whole waits for a writer who has it open and does nothing.
IDLE_WRITER_S = 10.0
# The same where the system does not tell who writes.
UNSEEN_WRITER_S = 1.0


@dataclass(frozen=True)
class _Watched:
    """A file or set that is not settled; `changed_at` is monotonic."""

    stamp: object
    size: int
    changed_at: float
    grew: bool = False


@dataclass(frozen=True)
class Now:
    """The time of a look, in seconds: unix time, and one that never jumps."""

    unix: float
    steady: float


class Progress:
    """Remembers the files that are not settled from one look to the next."""

    def __init__(
        self,
        patience_s: float = PATIENCE_S,
        is_written: Callable[[str], bool | None] | None = None,
    ) -> None:
        self._patience_s = patience_s
        self._is_written = is_written or has_writer
        self._watched: dict[str, _Watched] = {}
        self._judged: set[str] = set()

    @property
    def unsettled(self) -> bool:
        """Something is to be looked at again soon, whether or not anyone tells of a change."""
        return bool(self._watched)

    def begin(self) -> None:
        """A look at all files begins."""
        self._judged.clear()

    def end(self) -> None:
        """It has ended: drop what is known of files and sets that are gone."""
        if self._watched:
            kept = self._judged
            self._watched = {key: seen for key, seen in self._watched.items() if key in kept}

    def watches(self, path: str) -> bool:
        return path in self._watched

    def judge(self, file: ModelFile, now: Now) -> Missing | None:
        """How far `file` is when it is on its way; None when what it is now is what it stays."""
        if file.stamp is None:
            self._watched.pop(file.path, None)
            return None
        seen = self._see(file.path, file.stamp.content, file.stamp, now)
        if way := self._on_its_way(file, seen, now.steady - seen.changed_at):
            return way
        del self._watched[file.path]
        return None

    def judge_set(self, parts: Sequence[ModelFile], now: Now) -> bool:
        """Whether a split model of which parts are missing may still be on its way."""
        stamps = [part.stamp for part in parts if part.stamp]
        if not stamps:
            return False
        newest = max(stamps, key=lambda stamp: stamp.mtime_ns)
        key = set_key(parts)
        seen = self._see(key, tuple(stamp.content for stamp in stamps), newest, now)
        if now.steady - seen.changed_at < self._patience_s:
            return True
        del self._watched[key]
        return False

    def glance(self, file: ModelFile, now: Now) -> Missing | None:
        """What `judge` would say, for another thread: nothing is remembered."""
        if file.stamp is None:
            return None
        seen = _next(self._watched.get(file.path), file.stamp.content, file.stamp, now)
        return self._on_its_way(file, seen, now.steady - seen.changed_at)

    def _see(self, key: str, content: object, stamp: Stamp, now: Now) -> _Watched:
        self._judged.add(key)
        seen = self._watched[key] = _next(self._watched.get(key), content, stamp, now)
        return seen

    def _on_its_way(self, file: ModelFile, seen: _Watched, quiet_s: float) -> Missing | None:
        if file.missing:
            growing = quiet_s < self._patience_s or self._is_written(file.path)
            return file.missing if growing else None
        if quiet_s >= IDLE_WRITER_S or (seen.grew and not file.has_holes):
            return None
        written = self._is_written(file.path)
        if written or (written is None and quiet_s < UNSEEN_WRITER_S):
            return Missing(0, 0) if file.about.problem else Missing(seen.size, seen.size)
        return None


def _next(seen: _Watched | None, content: object, stamp: Stamp, now: Now) -> _Watched:
    """What is known of a file that looks like this now."""
    if seen is None:
        age = max(0.0, now.unix - stamp.mtime_ns / 1e9)
        return _Watched(content, stamp.size, now.steady - age)
    if seen.stamp == content:
        return seen
    return _Watched(content, stamp.size, now.steady, seen.grew or stamp.size > seen.size)


def set_key(parts: Sequence[ModelFile]) -> str:
    """What a split model is remembered by; no path ends like this."""
    return f"{parts[0].path}/set"


def copying_error(way: Missing, lacking: str = "") -> ModelCopying:
    """The problem of a model that is on its way; `lacking` says what else is not there."""
    done, total = way
    if total and done < total:
        far = f"{done:,} of {total:,} bytes are there"
    else:
        far = f"{done:,} bytes are there" if done else "nothing is there yet"
    details = {"have_bytes": done} | ({"need_bytes": total} if total else {})
    return ModelCopying(
        f"The file is still being copied: {far}.{f' {lacking}' if lacking else ''}",
        hint="It can be used as soon as it is whole.",
        param="model",
        **details,
    )


def add_up(parts: Sequence[ModelFile], ways: Mapping[str, Missing], complete: bool) -> Missing:
    """How far a set is; the total is known once all parts tell theirs."""
    done = total = 0
    for part in parts:
        size = part.stamp.size if part.stamp else 0
        way = ways.get(part.path, Missing(size, size))
        done += way.done
        complete = complete and bool(way.total)
        total += way.total
    return Missing(done, total if complete else 0)


def has_writer(path: str) -> bool | None:
    """Whether any process has the file open for writing; None where that cannot be told."""
    if sys.platform != "linux":
        return None
    import fcntl

    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 (as quick as it gets)
            return False
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        # Linux grants a lease on reading exactly when nobody has the file open for writing. One
        # who opens it in the moment between would have us sent a signal: SIGIO would end the
        # process, SIGURG is ignored.
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:
        return None  # another user's file, or a disk that knows no leases
    finally:
        os.close(fd)
    return False
