"""Guessing by what is there already: text that repeats itself goes on as it did before."""

from __future__ import annotations

from collections.abc import Sequence

SHORTEST, LONGEST = 3, 8
# Places that are looked at: of a very common n-gram only the last ones, so that a step stays short.
_PLACES = 32
# Tokens that are taken into the index in one step, some 2 ms; a longer prompt takes several.
_INDEXED_AT_ONCE = 4096


class Lookup:
    """An index over one growing sequence of tokens: where its n-grams have occurred.

    Each trigram knows where it ended last, and each position where its trigram had ended before.
    """

    def __init__(self) -> None:
        self._last: dict[tuple[int, ...], int] = {}
        # By position; -1 where the trigram that ends there is new, which positions never are.
        self._before: list[int] = []

    def find(self, tokens: Sequence[int], most: int) -> list[int]:
        """Up to `most` tokens that may follow `tokens`, which may only have grown since the last
        call: those that followed the last place where the longest n-gram at their end, of 3 to 8
        tokens, was before. A repetition that reaches the end goes on repeating itself."""
        if not self._grow(tokens):
            return []
        place = self._best_place(tokens)
        return [] if place is None else _what_followed(tokens, place, most)

    def _grow(self, tokens: Sequence[int]) -> bool:
        """Is the index complete?"""
        start = len(self._before)
        end = min(len(tokens), start + _INDEXED_AT_ONCE)
        for position in range(start, end):
            trigram = tuple(tokens[max(0, position - SHORTEST + 1) : position + 1])
            self._before.append(self._last.get(trigram, -1))
            self._last[trigram] = position
        return end == len(tokens)

    def _best_place(self, tokens: Sequence[int]) -> int | None:
        """Where the longest n-gram ended; of equally long ones, the last."""
        if len(tokens) <= SHORTEST:
            return None
        best, longest = None, SHORTEST - 1
        place = self._before[-1]
        for _ in range(_PLACES):
            if place < 0 or longest == LONGEST:
                break
            length = _equal_before(tokens, place)
            if length > longest:
                best, longest = place, length
            place = self._before[place]
        return best


def _equal_before(tokens: Sequence[int], place: int) -> int:
    """How many tokens up to `place` equal those at the end, at most the longest n-gram."""
    end = len(tokens) - 1
    for length in range(min(LONGEST, place + 1)):
        if tokens[place - length] != tokens[end - length]:
            return length
    return min(LONGEST, place + 1)


def _what_followed(tokens: Sequence[int], place: int, most: int) -> list[int]:
    guesses: list[int] = []
    for position in range(place + 1, place + 1 + most):
        past = position - len(tokens)
        token = tokens[position] if past < 0 else guesses[past]
        # Below 0 are the placeholders of media, which nobody writes.
        if token < 0:
            break
        guesses.append(token)
    return guesses
