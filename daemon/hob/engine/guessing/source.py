"""Where guesses come from, and what the loop needs of whoever makes them."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Sequence as Items
from typing import Protocol

from hob.engine.costs import CostCurve
from hob.engine.guessing.lookup import Lookup
from hob.engine.sequence import Sequence


class Guesser(Protocol):
    def guess(self, live: Collection[Sequence], costs: CostCurve, most: int) -> None:
        """Set the guesses of those that are decoding, for a step of at most `most` tokens."""


class Source(Protocol):
    """`prior` is the acceptance to expect at first, `most` how many guesses it makes at once, and
    `seconds` what each takes."""

    prior: float
    most: int

    @property
    def seconds(self) -> float: ...

    def available(self, seq: Sequence, most: int) -> int:
        """How many guesses, up to `most`, it could make now."""

    def guess(self, wishes: Items[tuple[Sequence, int]]) -> list[list[int]]:
        """Up to so many guesses for each of the sequences."""

    def forget(self, seq: Sequence) -> None:
        """The sequence is not live any more."""


class LookupSource:
    """Prompt look-up; see hob.engine.guessing.lookup."""

    prior = 0.5
    most = 16
    seconds = 0.0

    def __init__(self) -> None:
        self._lookups: dict[Sequence, Lookup] = {}
        self._found: dict[Sequence, list[int]] = {}

    def available(self, seq: Sequence, most: int) -> int:
        lookup = self._lookups.get(seq)
        if lookup is None:
            lookup = self._lookups[seq] = Lookup()
        self._found[seq] = lookup.find(seq.tokens, most)
        return len(self._found[seq])

    def guess(self, wishes: Items[tuple[Sequence, int]]) -> list[list[int]]:
        return [self._found[seq][:count] for seq, count in wishes]

    def forget(self, seq: Sequence) -> None:
        self._lookups.pop(seq, None)
        self._found.pop(seq, None)
