"""How many guesses pay. Pure: values in, values out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

# Below this gain, what is measured says nothing for sure.
_WORTH_IT = 1.05
# How much one guess that was right or wrong counts for what is expected of the next.
_WEIGHT = 0.15
# Where guesses do not pay, two of them are tried again after so many steps; after each failure
# twice as many, up to the second number.
_PROBE = 2
_FIRST_PAUSE, _LONGEST_PAUSE = 16, 256


@dataclass(frozen=True, slots=True)
class Batch:
    """A step as far as it is known: its `tokens`, and how many tokens of `answers` come out."""

    tokens: int
    answers: float

    def grown(self, guesses: int, acceptance: float) -> Batch:
        """With one more answer, for which so many guesses are computed along."""
        return Batch(
            self.tokens + 1 + guesses, self.answers + 1 + expected_right(guesses, acceptance)
        )


def expected_right(guesses: int, acceptance: float) -> float:
    """How many of the guesses turn out right, when each is so with the probability `acceptance`
    and counts only after right ones."""
    return sum(acceptance**position for position in range(1, guesses + 1))


def best_count(
    limit: int,
    acceptance: float,
    others: Batch,
    step_s: Callable[[int], float],
    guess_s: float = 0.0,
) -> int:
    """How many guesses, up to `limit`, make most tokens per second of a step with one more answer
    beside `others`; 0 when none pay or costs are unknown.

    `step_s` is what a step of so many tokens takes, 0 when unknown, `guess_s` what a guess takes.
    """
    alone = others.grown(0, acceptance)
    base_s = step_s(alone.tokens)
    if base_s <= 0:
        return 0
    best, best_rate = 0, _WORTH_IT * alone.answers / base_s
    for guesses in range(1, limit + 1):
        batch = others.grown(guesses, acceptance)
        rate = batch.answers / (step_s(batch.tokens) + guesses * guess_s)
        if rate > best_rate:
            best, best_rate = guesses, rate
    return best


class Trust:
    """What one sequence's guesses were worth so far, and when to try again where they failed."""

    def __init__(self, prior: float) -> None:
        self.acceptance = prior
        self._pause = _FIRST_PAUSE
        self._waited = 0
        self._probing = False

    def learn(self, guesses: int, right: int) -> None:
        """Of so many guesses the first `right` ones were right."""
        if not guesses:
            return
        for _ in range(right):
            self.acceptance += _WEIGHT * (1 - self.acceptance)
        if right < guesses:
            self.acceptance -= _WEIGHT * self.acceptance
        if self._probing:
            failed = right < min(guesses, _PROBE)
            self._pause = min(2 * self._pause, _LONGEST_PAUSE) if failed else 0
        self._waited, self._probing = 0, False

    def count(self, limit: int, count_at: Callable[[float], int]) -> int:
        """How many guesses to make, where `count_at` says how many pay at an acceptance."""
        self._probing = False
        if count := count_at(self.acceptance):
            self._pause = _FIRST_PAUSE
            return min(count, limit)
        self._waited += 1
        if self._waited <= self._pause or not (possible := count_at(1.0)):
            return 0
        self._probing = True
        return min(_PROBE, possible, limit)
