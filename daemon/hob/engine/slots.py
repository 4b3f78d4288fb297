"""Slots: places in the batch, and the tokens that each still holds in the KV cache.

A finished request leaves its tokens behind; the next one with the same beginning starts from them.
All slots share one pool of cells, so the cache of an idle slot gives way when a live request
needs the room.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile


@dataclass(slots=True)
class Slot:
    """`cached` are the tokens whose cells exist; `reserved` cells are promised to `owner`."""

    index: int
    cached: list[int] = field(default_factory=list)
    owner: str | None = None
    reserved: int = 0
    last_used: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request goes: `slot` starts with its first `keep` tokens computed, taken from slot
    `source` (often the same). Then the caches of `evict` must be cleared, before any decode."""

    slot: int
    keep: int
    source: int
    evict: tuple[int, ...]


class SlotTable:
    """The book of slots and cells. It decides and records; the caller moves the real cells.

    `floor(slot)` is the shortest length that the slot's cells can be cut to, apart from 0: the
    memory of a recurrent model cannot be cut at all, a sliding window only where it still holds
    a full window.
    """

    def __init__(self, slots: int, cells: int, floor: Callable[[int], int]) -> None:
        self._slots = [Slot(index) for index in range(slots)]
        self._cells = cells
        self._floor = floor
        self._uses = 0

    @property
    def free_slots(self) -> int:
        return sum(slot.owner is None for slot in self._slots)

    @property
    def free_cells(self) -> int:
        """Cells that no live request has reserved; idle caches count as free."""
        return self._cells - sum(slot.reserved for slot in self._slots)

    def occupy(self, owner: str, prompt: Sequence[int], cells: int) -> Place:
        """Give `owner` a free slot and `cells` cells. There must be room (`free_slots`,
        `free_cells`); the last token of the prompt is never kept, so that there are logits."""
        idle = [slot for slot in self._slots if slot.owner is None]
        source, keep = self._best(idle, prompt)
        target = self._target(idle, source, keep)
        target.owner, target.reserved = owner, cells
        self._uses += 1
        target.last_used = self._uses
        target.cached = list(prompt[:keep])
        return Place(target.index, keep, source.index, self._make_room(source, target))

    def _best(self, idle: Sequence[Slot], prompt: Sequence[int]) -> tuple[Slot, int]:
        """The slot with the longest usable beginning of `prompt`; without any, the emptiest that
        was used longest ago."""
        ranked = [(self._usable(slot, prompt), slot) for slot in idle]
        keep, slot = max(ranked, key=lambda pair: (pair[0], not pair[1].cached, -pair[1].last_used))
        return slot, keep

    def _usable(self, slot: Slot, prompt: Sequence[int]) -> int:
        keep = min(_common_prefix(slot.cached, prompt), len(prompt) - 1)
        return keep if keep == len(slot.cached) or keep >= self._floor(slot.index) else 0

    def _target(self, idle: Sequence[Slot], source: Slot, keep: int) -> Slot:
        """The source itself, unless an empty slot can share its cells and taking the source
        would throw away more than it saves: a long conversation must not be lost to a question
        that has only the system prompt in common with it."""
        empty = next((slot for slot in idle if not slot.cached), None)
        loses_more = len(source.cached) - keep > keep
        can_share = self._floor(source.index) == 0
        return empty if empty and keep and loses_more and can_share else source

    def _make_room(self, source: Slot, target: Slot) -> tuple[int, ...]:
        """Forget idle caches, the longest unused first, until every reservation has its cells.
        Shared cells count for each slot, which errs on the safe side."""
        idle = [slot for slot in self._slots if slot.owner is None and slot.cached]
        spare = self.free_cells - sum(len(slot.cached) for slot in idle)
        evicted = []
        for slot in sorted(idle, key=lambda slot: slot.last_used):
            if spare >= 0:
                break
            spare += len(slot.cached)
            slot.cached = []
            evicted.append(slot.index)
        return tuple(evicted)

    def release(self, slot_index: int, cached: Sequence[int]) -> None:
        """The owner is done; the slot holds the cells of exactly these tokens."""
        slot = self._slots[slot_index]
        slot.owner, slot.reserved, slot.cached = None, 0, list(cached)


def _common_prefix(one: Sequence[int], other: Sequence[int]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
