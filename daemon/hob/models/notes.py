"""What people and Hob say of models beyond their files: aliases, former names, digests, and files
that crashed a worker.

One small JSON file. What it says follows a model that gets another name or place, whether Hob
runs at that time or not.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from hob.wire.base import ErrorInfo, Value
from hob.wire.models import ModelInfo

log = logging.getLogger(__name__)

MAX_BYTES = 4 * 2**20
# The oldest go first; nobody has so many by hand.
MAX_FORMER = 200
MAX_NOTES = 2_000


class Target(Value, frozen=True):
    """A model as it was when it was last seen, by which it is found again."""

    name: str
    path: str = ""
    id: str = ""


class Digest(Value, frozen=True):
    """The SHA-256 of the file at a path, and who said so."""

    sha256: str
    source: str
    size: int
    mtime_ns: int


class Crash(Value, frozen=True):
    """Loading the model crashed the worker; holds for as long as its files stay as they were."""

    path: str
    id: str
    mark: tuple[int, float, int]
    error: ErrorInfo


class _Content(Value, frozen=True):
    aliases: dict[str, Target] = {}
    former: dict[str, Target] = {}
    digests: dict[str, Digest] = {}
    crashes: tuple[Crash, ...] = ()


class Notes:
    """The notes of one library; changed on the event loop, and saved by `save` on any thread."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self.aliases: dict[str, Target] = {}
        self.former: dict[str, Target] = {}
        self._digests: dict[str, Digest] = {}
        self._crashes: tuple[Crash, ...] = ()
        self._written = b""

    def load(self) -> None:
        """Read the file; a missing or broken one means that nothing was noted."""
        if self._path is None:
            return
        try:
            if self._path.stat().st_size > MAX_BYTES:
                raise ValueError("it is too large")
            data = self._path.read_bytes()
            content = msgspec.json.decode(data, type=_Content)
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            log.warning("the notes on models are not readable and are begun anew: %s", error)
            return
        self.aliases, self.former = dict(content.aliases), dict(content.former)
        self._digests, self._crashes = dict(content.digests), content.crashes
        self._written = data

    def packed(self) -> bytes | None:
        """What is to be saved, or None when the file says it already."""
        data = msgspec.json.encode(
            _Content(
                aliases=self.aliases,
                former=self.former,
                digests=self._digests,
                crashes=self._crashes,
            )
        )
        empty = not self._written and data == b"{}"
        return None if self._path is None or empty or data == self._written else data

    def save(self, data: bytes) -> None:
        """Write what `packed` gave, whole or not at all. Raises OSError."""
        assert self._path is not None
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = self._path.with_suffix(f".{os.getpid()}.part")
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self._path)
        self._written = data

    # ---- names ----

    def set_alias(self, alias: str, target: Target | None) -> None:
        self.aliases.pop(alias, None)
        if target:
            self.aliases[alias] = target

    def renamed(self, old: str, new: Target) -> None:
        """The model `old` is `new` now: its aliases follow, and its name leads to it."""
        for names in (self.aliases, self.former):
            for name, target in names.items():
                if target.name == old:
                    names[name] = new
        if old != new.name:
            self.former.pop(old, None)
            self.former[old] = new
        self.former.pop(new.name, None)
        for name in list(self.former)[:-MAX_FORMER]:
            del self.former[name]

    def settle(self, infos: Mapping[str, ModelInfo]) -> None:
        """Find the models of all names again, and remember where they are now. A former name that
        another model has taken is forgotten."""
        for name in [name for name in self.former if name in infos]:
            del self.former[name]
        if not self.aliases and not self.former:
            return
        finder = _Finder(infos)
        for names in (self.aliases, self.former):
            for name, target in names.items():
                if found := finder.find(target):
                    names[name] = target_of(found)

    # ---- digests ----

    def note_digest(self, path: str, digest: Digest) -> None:
        self._digests.pop(path, None)
        self._digests[path] = digest
        for old in list(self._digests)[:-MAX_NOTES]:
            del self._digests[old]

    def moved_digest(self, old: str, new: str) -> None:
        if old != new and (digest := self._digests.pop(old, None)):
            self._digests[new] = digest

    def digest(self, path: str, size: int, mtime_ns: int) -> Digest | None:
        """The digest of the file at `path`, unless it changed since."""
        found = self._digests.get(path)
        return found if found and (found.size, found.mtime_ns) == (size, mtime_ns) else None

    # ---- crashes ----

    @property
    def has_crashes(self) -> bool:
        return bool(self._crashes)

    def quarantine(self, info: ModelInfo, error: ErrorInfo) -> None:
        kept = [crash for crash in self._crashes if crash.path != info.path]
        crash = Crash(path=info.path, id=info.id, mark=_mark(info), error=error)
        self._crashes = (*kept[-MAX_NOTES:], crash)

    def forgive(self, info: ModelInfo) -> bool:
        """Drop what is held against the model; whether there was anything."""
        kept = tuple(crash for crash in self._crashes if not _is_of(crash, info))
        dropped = len(kept) < len(self._crashes)
        self._crashes = kept
        return dropped

    def crash(self, info: ModelInfo) -> ErrorInfo | None:
        """What is held against the model as its files are now."""
        return next((crash.error for crash in self._crashes if _is_of(crash, info)), None)


def target_of(info: ModelInfo) -> Target:
    return Target(name=info.name, path=info.path, id=info.id)


def _mark(info: ModelInfo) -> tuple[int, float, int]:
    return info.file_bytes, info.modified_at, info.projector_bytes


def _is_of(crash: Crash, info: ModelInfo) -> bool:
    same = crash.path == info.path or (crash.id and crash.id == info.id)
    return bool(same) and crash.mark == _mark(info)


class _Finder:
    """Finds models again by what is remembered of them."""

    def __init__(self, infos: Mapping[str, ModelInfo]) -> None:
        self._infos = infos
        self._at = {info.path: info for info in infos.values()}
        self._of_id: dict[str, Sequence[ModelInfo]] = {}
        for info in infos.values():
            if info.id:
                self._of_id[info.id] = (*self._of_id.get(info.id, ()), info)

    def find(self, target: Target) -> ModelInfo | None:
        """By what the file is before where it is, and by where it is before what it is called."""
        same = self._of_id.get(target.id, ())
        there, called = self._at.get(target.path), self._infos.get(target.name)
        for candidate in (there, called, *same):
            if candidate in same:
                return candidate
        return there or called
