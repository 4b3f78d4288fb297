"""The disk tier: states that outlive the worker, in the cache folder that all models share.

What is there is known in memory, so asking costs no I/O. Reading and writing happen on a thread of
their own. Nothing that goes wrong on the disk is worse than a prompt that is read again.
"""

from __future__ import annotations

import logging
import threading
import time
from array import array
from collections import deque
from collections.abc import Callable, Hashable, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from hob.engine.cache import files, stored
from hob.engine.cache.compare import common_length
from hob.engine.cache.files import NotOurs, StateFile
from hob.engine.cache.identity import Identity
from hob.engine.cache.saved import Entry
from hob.engine.cache.stored import Damaged, Foreign

_log = logging.getLogger(__name__)

# So many states may wait to be written, each a copy in memory; the oldest gives way.
_MOST_WAITING = 4
# The latest of these are known, if somebody has made the folder so large.
_MOST_KNOWN = 1000
# After a failed write: a full disk stays full for a while.
_PAUSE_S = 600.0


@dataclass(frozen=True, slots=True)
class Stored:
    """A state on disk, of which the first `length` tokens are those that were asked for."""

    name: str
    length: int


@dataclass(frozen=True, slots=True)
class _Known:
    tokens: array[int]
    size: int


@dataclass(frozen=True, slots=True)
class _Fetch:
    name: str
    done: Callable[[Entry | None], None]


class DiskStates:
    """The states of one loaded model in `folder`. Never raises for what is wrong with the disk.

    `limit` is in bytes and over all models' states: the least recently used go. `divisible`
    states serve every prefix of their tokens, others only all of them.
    """

    def __init__(
        self,
        folder: Path,
        identity: Identity,
        limit: int,
        divisible: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._root = folder
        self._identity = identity.digest
        self._folder = folder / self._identity
        self._limit = limit
        self._divisible = divisible
        self._clock = clock
        self._paused_until = clock()
        self._warned = False
        self._wake = threading.Condition()
        self._fetches: deque[_Fetch] = deque()
        self._waiting: deque[Entry] = deque()
        self._closing = False
        # Replaced by the I/O thread, never changed, so that the engine thread needs no lock.
        self._index: dict[str, _Known] = self._read_index()
        self._thread = threading.Thread(target=self._run, name="disk cache", daemon=True)
        self._thread.start()

    # The engine thread's side

    def find(self, key: Hashable, tokens: Sequence[int]) -> Stored | None:
        """The state with the longest usable prefix of `tokens`; of equals the smallest."""
        index = self._index
        wanted = stored.pack(tokens) if index and key == () else None
        if wanted is None:
            return None
        best: tuple[int, int, str] = (0, 0, "")
        for name, known in index.items():
            length = common_length(known.tokens, wanted)
            if self._divisible or length == len(known.tokens):
                best = max(best, (length, -known.size, name))
        return Stored(best[2], best[0]) if best[0] else None

    def fetch(self, found: Stored, done: Callable[[Entry | None], None]) -> None:
        """Read it, and call `done` on the I/O thread: with None when it is damaged or gone."""
        with self._wake:
            if not self._closing:
                self._fetches.append(_Fetch(found.name, done))
                self._wake.notify()
                return
        done(None)

    def store(self, entry: Entry) -> None:
        """Write it when there is time. Only what the model alone computed is kept: `key` ()."""
        if entry.key != () or not entry.tokens or not len(entry.state):
            return
        with self._wake:
            if self._closing:
                return
            waiting = [other for other in self._waiting if not self._covers(entry, other)]
            self._waiting = deque([*waiting, entry], _MOST_WAITING)
            self._wake.notify()

    def close(self, timeout_s: float) -> None:
        """Write what waits, as far as the time allows."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join(timeout_s)
        with self._wake:
            self._waiting.clear()

    def _covers(self, new: Entry, old: Entry) -> bool:
        if not self._divisible:
            return new.tokens == old.tokens
        return common_length(new.tokens, old.tokens) == len(old.tokens)

    # The I/O thread's side

    def _run(self) -> None:
        self._make_room(self._limit)
        while (work := self._next()) is not None:
            if isinstance(work, Entry):
                self._store(work)
            else:
                work.done(self._fetch(work.name))

    def _next(self) -> Entry | _Fetch | None:
        """What to do next, first what somebody waits for; None at the end."""
        with self._wake:
            self._wake.wait_for(lambda: self._fetches or self._waiting or self._closing)
            if self._fetches:
                return self._fetches.popleft()
            return self._waiting.popleft() if self._waiting else None

    def _fetch(self, name: str) -> Entry | None:
        path = self._folder / name
        try:
            return stored.read_entry(path, self._identity, self._limit)
        except Damaged as error:
            self._discard(path, error)
        except (OSError, NotOurs, Foreign, MemoryError) as error:
            _log.debug("state %s is not used: %s", path, error)
        self._forget({name})
        return None

    def _store(self, entry: Entry) -> None:
        tokens = stored.pack(entry.tokens)
        if tokens is None or self._clock() < self._paused_until or self._is_kept(tokens):
            return
        replaced = self._replaced_by(tokens)
        size = stored.size(tokens, entry)
        if size > self._limit:
            return
        try:
            self._make_room(self._limit - size, besides=replaced)
            self._write(tokens, entry)
        except (OSError, NotOurs) as error:
            self._failed(error)
            return
        for name in replaced:
            files.remove(self._folder / name)
        self._forget(replaced)
        self._index = {**self._index, stored.file_name(tokens): _Known(tokens, size)}

    def _write(self, tokens: array[int], entry: Entry) -> None:
        """Another worker may remove the empty folder just before something is put into it."""
        for last in (False, True):
            files.make_private_folder(self._folder)
            try:
                return stored.write(self._folder, self._identity, tokens, entry)
            except FileNotFoundError:
                if last:
                    raise
        return None

    def _is_kept(self, tokens: array[int]) -> bool:
        """Is there a state that serves all of these tokens? It was used just now then."""
        serving = {
            name
            for name, known in self._index.items()
            if len(known.tokens) == len(tokens) or self._divisible
            if common_length(known.tokens, tokens) == len(tokens)
        }
        gone = {name for name in serving if not files.touch(self._folder / name)}
        self._forget(gone)
        return serving > gone

    def _replaced_by(self, tokens: array[int]) -> set[str]:
        """A longer divisible state serves whatever a shorter one did."""
        if not self._divisible:
            return set()
        return {
            name
            for name, known in self._index.items()
            if common_length(known.tokens, tokens) == len(known.tokens)
        }

    def _make_room(self, limit: int, besides: Set[str] = frozenset()) -> None:
        """Let the least recently used states of all models go until the others, `besides` some
        of this model's, take at most `limit` bytes."""
        spared = {self._folder / name for name in besides}
        there = [file for file in files.all_state_files(self._root) if file.path not in spared]
        going = files.surplus(there, limit)
        for file in going:
            files.remove(file.path)
        self._forget({file.path.name for file in going if file.path.parent == self._folder})
        files.sweep(self._root)

    def _forget(self, names: Set[str]) -> None:
        if names:
            self._index = {k: known for k, known in self._index.items() if k not in names}

    def _failed(self, error: Exception) -> None:
        self._paused_until = self._clock() + _PAUSE_S
        if not self._warned:
            self._warned = True
            _log.warning(
                "Known prompts cannot be kept in %s (%s), so after a restart they are read anew."
                " Make room there or make the folder writable for you alone, or turn the disk"
                " cache off.",
                self._root,
                error,
            )

    def _discard(self, path: Path, error: Damaged) -> None:
        _log.info("state %s is removed: %s", path, error)
        files.remove(path)

    # The start

    def _read_index(self) -> dict[str, _Known]:
        """The headers alone: 200 take some 20 ms."""
        there = sorted(files.state_files(self._folder), key=_last_use, reverse=True)
        index = {}
        for file in there[:_MOST_KNOWN]:
            if known := self._read_contents(file):
                index[file.path.name] = known
        return index

    def _read_contents(self, file: StateFile) -> _Known | None:
        try:
            contents = stored.read_contents(file.path, self._identity)
        except Damaged as error:
            self._discard(file.path, error)
        except (OSError, NotOurs, Foreign) as error:
            _log.debug("state %s is not used: %s", file.path, error)
        else:
            return _Known(contents.tokens, file.size)
        return None


def _last_use(file: StateFile) -> int:
    return file.used_ns
