"""The prefix cache: gives a request the longest known beginning of its prompt, wherever it is.

First the KV cells of any slot, live or idle, shared by copying sequence ids. Then saved states in
RAM. What is on disk is brought into RAM before a request is admitted (see `disk`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from hob.engine.cache.memory import Memory
from hob.engine.cache.saved import Entry, Found, SavedStates
from hob.engine.cache.slots import Place, SlotTable

# Shorter prefixes are computed again in the time that moving a state takes.
WORTH_SAVING = 64
# A saved state must spare so many tokens more than what is in cells already.
_WORTH_RESTORING = 16
# Likewise for looking whether another slot has meanwhile computed the same.
_WORTH_SHARING = 8


@dataclass(frozen=True, slots=True)
class Beginning:
    """A request's slot, in which `computed` of its tokens are."""

    slot: int
    computed: int


class PrefixCache:
    """Used by the engine thread alone. `keep` is given the states that are worth keeping after the
    worker's end: those that were used again, and what is idle for long."""

    def __init__(
        self,
        memory: Memory,
        ram_bytes: int,
        keep: Callable[[Entry], None] = lambda entry: None,
    ) -> None:
        self._memory = memory
        self._table = SlotTable(memory.slots, memory.context_length, memory.divisible)
        self._saved = SavedStates(ram_bytes, memory.divisible)
        self._keep = keep
        self._looked_at: dict[int, int] = {}

    @property
    def divisible(self) -> bool:
        return self._memory.divisible

    @property
    def free_cells(self) -> int:
        """Cells that are free, or would be at once."""
        return self._table.reclaimable_cells

    @property
    def idle_slots(self) -> list[int]:
        return self._table.idle()

    def length(self, slot: int) -> int:
        return self._table.length(slot)

    def new_cells(self, key: Hashable, tokens: Sequence[int]) -> int:
        """How many of `free_cells` a request takes that begins with `tokens`."""
        return len(tokens) - self._table.shared_with_live(key, tokens)

    # A request's way through the cache

    def known(self, key: Hashable, tokens: Sequence[int]) -> int:
        """How many tokens from the beginning need not be computed, as far as RAM knows."""
        place = self._table.place(key, tokens)
        found = self._saved.find(key, tokens)
        return max(place.length if place else 0, found.length if found else 0)

    def begin(self, owner: str, key: Hashable, tokens: Sequence[int]) -> Beginning | None:
        """A slot for a request whose first tokens, all but what must be computed anyway, are
        `tokens`; None when there is no slot."""
        place = self._table.place(key, tokens)
        if place is None:
            return None
        found = self._saved.find(key, tokens)
        if found and found.length >= place.length + _WORTH_RESTORING:
            if (slot := self._restore(owner, key, found)) is not None:
                return Beginning(slot, self._table.length(slot))
            place = self._table.place(key, tokens)
            assert place is not None, "a failed restore leaves its slot free"
        return Beginning(self._occupy(owner, key, place, tokens), place.length)

    def _occupy(self, owner: str, key: Hashable, place: Place, tokens: Sequence[int]) -> int:
        if place.evict is not None:
            self._evict(place.evict)
        if place.source == place.slot:
            self._cut(place.slot, place.length)
        self._table.own(place.slot, owner, key)
        if place.source != place.slot:
            self._memory.share(place.source, place.slot, 0, place.length)
            self._table.extend(place.slot, tokens[: place.length])
            self._table.touch(place.source)
        return place.slot

    def _restore(self, owner: str, key: Hashable, found: Found) -> int | None:
        """Bring a saved state back into a slot; None when there is no slot or room, or llama.cpp
        does not take it."""
        entry = found.entry
        empty = self._table.place(("nothing is like this", key), ())
        # Looked at before anything is let go for it, which might be what is known in cells.
        if empty is None or len(entry.tokens) > self.free_cells:
            return None
        slot = empty.slot
        self._clear(slot, save=True)
        self.make_room(len(entry.tokens))
        if not self._memory.restore(slot, entry.state):
            self._saved.forget(entry)
            return None
        self._saved.use(entry)
        self._keep(entry)
        self._table.own(slot, owner, key)
        known = self._table.extend(slot, entry.tokens)
        self._share_duplicates(slot, 0, known)
        self._cut(slot, found.length)
        return slot

    def catch_up(self, slot: int, tokens: Sequence[int]) -> int:
        """Others may have computed more of `tokens` meanwhile: share it. How much the slot has."""
        have = self._table.length(slot)
        source, length = self._table.match(slot, self._table.key(slot), tokens)
        if length < have + _WORTH_SHARING:
            return have
        self._memory.share(source, slot, have, length)
        self._table.extend(slot, tokens[have:length])
        return length

    def grow(self, slot: int, tokens: Sequence[int]) -> None:
        """These tokens have been computed after what the slot held."""
        start = self._table.length(slot)
        known = self._table.extend(slot, tokens)
        self._share_duplicates(slot, start, known)

    def _share_duplicates(self, slot: int, start: int, known: int) -> None:
        """Another slot holds the same tokens in cells of its own: one copy is enough."""
        if not known:
            return
        end = start + known
        tokens = self._table.tokens(slot)[:end]
        source, length = self._table.match(slot, self._table.key(slot), tokens)
        if length == end:
            self._memory.share(source, slot, start, end)

    def undo(self, slot: int) -> int:
        """After a step that was ended early: forget what it may have written. What is left."""
        length = self._table.length(slot)
        if self._memory.keep(slot, length):
            return length
        self._table.cut(slot, 0)
        return 0

    def cut(self, slot: int, length: int) -> int:
        """Take back tokens at the end, such as wrong guesses. What is left."""
        self._cut(slot, length)
        return self._table.length(slot)

    def checkpoint(self, slot: int) -> None:
        """Save where the slot is now, from where others can start."""
        self._save(slot)

    def release(self, slot: int) -> None:
        """The request is done; the slot remembers what it holds."""
        if self._table.release(slot):
            self._clear(slot, save=False)

    def park(self, slot: int) -> None:
        """The request gives its slot and cells up, and means to come back: into RAM."""
        self._table.release(slot)
        self._clear(slot, save=True)

    def drop(self, slot: int) -> None:
        """The request has failed; what the slot holds is not to be trusted."""
        self._table.release(slot)
        self._clear(slot, save=False)

    # Room

    def make_room(self, cells: int) -> bool:
        """Let idle slots go, the longest unused first, until `cells` are free."""
        if self._table.free_cells >= cells:
            return True
        for slot in self._table.idle():
            self._evict(slot)
            if self._table.free_cells >= cells:
                return True
        return False

    def make_ready(self, slots: int, cells: int) -> bool:
        """Move one idle slot out to RAM, of all but the one used last, while fewer than `slots` are
        empty or fewer than `cells` free, so that the next request need not wait for that. False
        when there is no need, or the state of the next one does not fit into RAM."""
        *others, _last = self._table.idle() or [0]
        ready = self._table.empty_slots >= slots and self._table.free_cells >= cells
        if ready or not others:
            return False
        slot = others[0]
        if self._table.length(slot) >= WORTH_SAVING and not self._is_saved(slot):
            return False
        self._clear(slot, save=False)
        return True

    def _is_saved(self, slot: int) -> bool:
        """Is the slot's state in RAM, now if not before?"""
        key, tokens = self._table.key(slot), self._table.tokens(slot)
        return self._saved.knows(key, tokens) or self._save(slot) is not None

    def _evict(self, slot: int) -> None:
        self._clear(slot, save=True)

    def save_idle(self, least: int) -> bool:
        """Save and keep one idle slot of at least `least` tokens, of those that were not looked at
        since they were used last; False when there are no more."""
        for slot in reversed(self._table.idle()):
            use = self._table.last_use(slot)
            if self._looked_at.get(slot) != use and self._table.length(slot) >= least:
                self._looked_at[slot] = use
                if entry := self._save(slot):
                    self._keep(entry)
                return True
        return False

    def adopt(self, entry: Entry) -> None:
        """A state from disk."""
        self._saved.put(entry)

    def _save(self, slot: int) -> Entry | None:
        """Put the slot's state into RAM; None when it is there, or cannot be."""
        key, tokens = self._table.key(slot), self._table.tokens(slot)
        if self._saved.knows(key, tokens):
            return None
        entry = Entry(key, tokens, self._memory.save(slot))
        return entry if entry.state and self._saved.put(entry) else None

    def _clear(self, slot: int, *, save: bool) -> None:
        if save and self._table.length(slot) >= WORTH_SAVING:
            self._save(slot)
        self._cut(slot, 0)

    def _cut(self, slot: int, length: int) -> None:
        if length < self._table.length(slot) or length == 0:
            kept = self._memory.keep(slot, length)
            self._table.cut(slot, length if kept else 0)
