"""The RAM tier: states of prefixes that are no longer in KV cells, the least recently used go."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from hob.engine.cache.compare import common_length
from hob.engine.cache.memory import State

# What a token of an entry costs besides its state.
_TOKEN_BYTES = 36


@dataclass(slots=True, eq=False)
class Entry:
    """`state` is what a slot held when it had computed `tokens`."""

    key: Hashable
    tokens: list[int]
    state: State

    @property
    def size(self) -> int:
        return len(self.state) + _TOKEN_BYTES * len(self.tokens)


@dataclass(frozen=True, slots=True)
class Found:
    """The first `length` tokens of `entry` are those that were asked for."""

    entry: Entry
    length: int


class SavedStates:
    """At most `limit` bytes of states, in order of use.

    `divisible` states serve every prefix of their tokens, others only all of them.
    """

    def __init__(self, limit: int, divisible: bool) -> None:
        self._limit = limit
        self._divisible = divisible
        # The last is the one used last.
        self._entries: list[Entry] = []
        self.size = 0

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, key: Hashable, tokens: Sequence[int]) -> Found | None:
        """The entry with the longest usable prefix of `tokens`."""
        best: Found | None = None
        for entry in self._entries:
            if entry.key != key:
                continue
            length = common_length(entry.tokens, tokens)
            if not self._divisible and length < len(entry.tokens):
                continue
            if length > (best.length if best else 0):
                best = Found(entry, length)
        return best

    def use(self, entry: Entry) -> None:
        """It was used just now."""
        if entry in self._entries:
            self._entries.remove(entry)
            self._entries.append(entry)

    def knows(self, key: Hashable, tokens: Sequence[int]) -> bool:
        """Is a state of all these tokens here?"""
        found = self.find(key, tokens)
        return found is not None and found.length == len(tokens)

    def put(self, entry: Entry) -> bool:
        """Take it in, and let others go; False when it is larger than all that there may be."""
        if entry.size > self._limit:
            return False
        for other in [old for old in self._entries if self._replaces(entry, old)]:
            self._remove(other)
        self._entries.append(entry)
        self.size += entry.size
        while self.size > self._limit:
            self._remove(self._entries[0])
        return True

    def forget(self, entry: Entry) -> None:
        """It is of no use."""
        if entry in self._entries:
            self._remove(entry)

    def _replaces(self, new: Entry, old: Entry) -> bool:
        """A longer divisible state serves whatever a shorter one did."""
        if new.key != old.key:
            return False
        if not self._divisible:
            return new.tokens == old.tokens
        return common_length(old.tokens, new.tokens) == len(old.tokens)

    def _remove(self, entry: Entry) -> None:
        self._entries.remove(entry)
        self.size -= entry.size
