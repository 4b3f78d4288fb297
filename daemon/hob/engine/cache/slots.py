"""Who owns which slot, which cells are in use, and who gives way. It decides and records; the
caller moves the real cells."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from hob.engine.cache.tree import PrefixTree


@dataclass(slots=True)
class Slot:
    """`key` belongs to what the slot holds; `used` counts up with each use of any slot."""

    index: int
    key: Hashable = ()
    owner: str | None = None
    used: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """A slot for a request: it starts with the first `length` tokens of `source`, which may be the
    slot itself. The caller empties `evict` before."""

    slot: int
    source: int
    length: int
    evict: int | None = None


class SlotTable:
    """Idle slots remember what was computed, and give way when a request needs a slot or cells.

    Where memory is not `divisible`, nothing is shared, and each slot's cells count for
    themselves: the tree then has a root for each slot.
    """

    def __init__(self, slots: int, cells: int, divisible: bool) -> None:
        self._slots = [Slot(index) for index in range(slots)]
        self._cells = cells
        self._divisible = divisible
        self._tree = PrefixTree()
        self._uses = 0

    @property
    def free_cells(self) -> int:
        return self._cells - self._tree.cells

    @property
    def reclaimable_cells(self) -> int:
        """Free, and held by nobody but idle slots: what live requests do not need."""
        return self._cells - self._tree.held_by(self._live())

    def shared_with_live(self, key: Hashable, tokens: Sequence[int]) -> int:
        """How many tokens from the beginning live requests hold anyway."""
        if not self._divisible:
            return 0
        return self._tree.match(key, tokens, among=self._live()).length

    def _live(self) -> set[int]:
        return {slot.index for slot in self._slots if slot.owner is not None}

    def length(self, slot: int) -> int:
        return self._tree.length(slot)

    def tokens(self, slot: int) -> list[int]:
        return self._tree.tokens(slot)

    def key(self, slot: int) -> Hashable:
        return self._slots[slot].key

    def last_use(self, slot: int) -> int:
        """Another number after each use."""
        return self._slots[slot].used

    @property
    def empty_slots(self) -> int:
        """Those that hold nothing and are nobody's."""
        return sum(s.owner is None and not self.length(s.index) for s in self._slots)

    def idle(self) -> list[int]:
        """Slots that remember something for nobody in particular, the longest unused first."""
        slots = [slot for slot in self._slots if slot.owner is None and self.length(slot.index)]
        return [slot.index for slot in sorted(slots, key=lambda slot: slot.used)]

    def place(self, key: Hashable, tokens: Sequence[int]) -> Place | None:
        """The best beginning for `tokens` that any slot holds, and a slot for it; None when every
        slot has an owner. Nothing is recorded yet."""
        source, length = self._best_source(key, tokens)
        empty = next((s for s in self._slots if s.owner is None and not self.length(s.index)), None)
        if source is not None and self._takes_over(source, length):
            return Place(source, source, length)
        if not self._divisible:
            source, length = None, 0
        if empty is not None:
            return Place(empty.index, empty.index if source is None else source, length)
        victims = [slot for slot in self.idle() if slot != source]
        if victims:
            return Place(victims[0], victims[0] if source is None else source, length, victims[0])
        if source is not None and self._slots[source].owner is None:
            return Place(source, source, length)
        return None

    def _best_source(self, key: Hashable, tokens: Sequence[int]) -> tuple[int | None, int]:
        if self._divisible:
            match = self._tree.match(key, tokens)
            return (max(match.slots, key=self._rank), match.length) if match.slots else (None, 0)
        best: tuple[int | None, int] = (None, 0)
        for slot in self.idle():
            length = self.length(slot)
            if self._slots[slot].key == key and best[1] < length <= len(tokens):
                held = self._tree.tokens(slot)
                if held == list(tokens[:length]):
                    best = (slot, length)
        return best

    def _rank(self, slot: int) -> tuple[bool, int, int]:
        """Best a slot that can be taken over: idle, and without a tail that would be lost."""
        return self._slots[slot].owner is None, -self.length(slot), self._slots[slot].used

    def _takes_over(self, source: int, length: int) -> bool:
        return self._slots[source].owner is None and self.length(source) == length

    def match(self, slot: int, key: Hashable, tokens: Sequence[int]) -> tuple[int, int]:
        """Another slot that holds more of `tokens` than this one, and how much; 0 for none."""
        if not self._divisible:
            return 0, 0
        match = self._tree.match(key, tokens, ignore=slot)
        return (min(match.slots), match.length) if match.slots else (0, 0)

    # Records

    def own(self, slot: int, owner: str, key: Hashable) -> None:
        self._slots[slot].owner, self._slots[slot].key = owner, key
        self.touch(slot)

    def touch(self, slot: int) -> None:
        self._uses += 1
        self._slots[slot].used = self._uses

    def extend(self, slot: int, tokens: Sequence[int]) -> int:
        """The slot holds `tokens` more. How many of them another slot holds as well."""
        key = self._slots[slot].key
        return self._tree.extend(slot, key if self._divisible else (slot, key), tokens)

    def cut(self, slot: int, length: int) -> None:
        self._tree.cut(slot, length)

    def release(self, slot: int) -> bool:
        """The owner is done. True when the slot holds nothing of its own and should be emptied."""
        self._slots[slot].owner = None
        self.touch(slot)
        return self._divisible and self._tree.exclusive(slot) == 0
