"""How a list of lines becomes another one, line by line: what an open menu goes through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Remove:
    key: str


@dataclass(frozen=True)
class Insert:
    """A line that was not there; `before` is the key of the line it goes before, None for the
    end."""

    key: str
    before: str | None


Change = Remove | Insert


def changes(now: Sequence[str], wanted: Sequence[str]) -> tuple[Change, ...]:
    """What turns `now` into `wanted`, both lists of unique keys, applied one after the other.

    A line that stays is not touched, and one that moves is removed and inserted anew; the lines
    that stay are those of a longest common subsequence, so that the fewest possible move.
    """
    stays = _common(now, wanted)
    steps: list[Change] = [Remove(key) for key in now if key not in stays]
    after: str | None = None
    inserted: list[Change] = []
    # From the end on, so that what a line goes before is there already.
    for key in reversed(wanted):
        if key not in stays:
            inserted.append(Insert(key, after))
        after = key
    return (*steps, *inserted)


def _common(now: Sequence[str], wanted: Sequence[str]) -> frozenset[str]:
    """The keys of a longest common subsequence: the longest rising run of places."""
    place = {key: index for index, key in enumerate(now)}
    # For each length the key that ends the run whose end is the smallest, and who precedes whom.
    ends: list[str] = []
    before: dict[str, str | None] = {}
    for key in wanted:
        if key not in place:
            continue
        low, high = 0, len(ends)
        while low < high:
            middle = (low + high) // 2
            if place[ends[middle]] < place[key]:
                low = middle + 1
            else:
                high = middle
        before[key] = ends[low - 1] if low else None
        ends[low : low + 1] = [key]
    found: set[str] = set()
    last = ends[-1] if ends else None
    while last is not None:
        found.add(last)
        last = before[last]
    return frozenset(found)
