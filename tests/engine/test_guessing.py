"""Where guesses come from, and how many pay."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hob.engine.guessing.lookup import LONGEST, SHORTEST, Lookup
from hob.engine.guessing.policy import Batch, Trust, best_count, expected_right

NOBODY = Batch(0, 0)


def naive(tokens: Sequence[int], most: int) -> list[int]:
    """What followed the last occurrence of the longest n-gram at the end, by trying all."""
    for length in range(LONGEST, SHORTEST - 1, -1):
        end = list(tokens[-length:])
        for place in range(len(tokens) - length - 1, -1, -1):
            if list(tokens[place : place + length]) == end:
                longer = list(tokens)
                for at in range(place + length, place + length + most):
                    longer.append(longer[at])
                return longer[len(tokens) :]
    return []


# Few enough that no trigram of theirs has more places than are looked at.
short_texts = st.lists(st.integers(0, 2), max_size=34)


@given(short_texts, st.integers(1, 12))
def test_look_up_finds_what_a_naive_search_finds(tokens: list[int], most: int) -> None:
    assert Lookup().find(tokens, most) == naive(tokens, most)


@given(short_texts)
def test_look_up_finds_the_same_when_it_has_watched_the_text_grow(tokens: list[int]) -> None:
    lookup = Lookup()
    for length in range(len(tokens) + 1):
        found = lookup.find(tokens[:length], 4)
    assert found == naive(tokens, 4)


def test_a_repetition_that_reaches_the_end_goes_on() -> None:
    assert Lookup().find([1, 2, 1, 2, 1, 2], 5) == [1, 2, 1, 2, 1]


def test_two_equal_tokens_are_too_few_to_guess_by() -> None:
    assert Lookup().find([7, 1, 2, 3, 9, 1, 2], 4) == []


def test_the_place_of_a_picture_is_never_guessed() -> None:
    assert Lookup().find([1, 2, 3, 4, -1, -1, 1, 2, 3], 4) == [4]


def test_a_long_text_is_indexed_in_several_steps() -> None:
    tokens = [*range(10_000), 5, 6, 7]
    lookup = Lookup()
    assert [lookup.find(tokens, 2) for _ in range(3)] == [[], [], [8, 9]]


def flat(_tokens: int) -> float:
    return 0.01


def linear(tokens: int) -> float:
    return 0.01 * tokens


def free_up_to_8(tokens: int) -> float:
    return 0.01 * max(1, tokens / 8)


def test_guesses_are_free_where_a_step_always_takes_the_same() -> None:
    assert best_count(16, 0.5, NOBODY, flat) == 16


def test_guesses_never_pay_where_each_token_costs_a_whole_one() -> None:
    assert best_count(16, 0.99, NOBODY, linear) == 0


def test_guesses_fill_a_step_up_to_where_it_costs_more() -> None:
    assert best_count(16, 0.7, NOBODY, free_up_to_8) == 7
    assert best_count(16, 0.7, Batch(4, 4), free_up_to_8) == 3


def test_nothing_is_guessed_before_costs_are_known() -> None:
    assert best_count(16, 1.0, NOBODY, lambda _tokens: 0.0) == 0


def test_a_draft_that_takes_longer_than_the_model_does_not_pay() -> None:
    assert best_count(8, 1.0, NOBODY, flat, guess_s=0.02) == 0
    assert best_count(8, 1.0, NOBODY, flat, guess_s=0.001) == 8


curves = st.tuples(st.floats(0.001, 1), st.floats(0, 0.1), st.integers(1, 16))
chances = st.floats(0, 1)


def curve(fixed: float, each: float, free: int) -> Callable[[int], float]:
    return lambda tokens: fixed + each * max(0, tokens - free)


@given(curves, st.integers(0, 8), chances, chances, st.floats(0, 0.01))
def test_the_likelier_guesses_are_the_more_are_made(
    shape: tuple[float, float, int], others: int, one: float, other: float, guess_s: float
) -> None:
    def count(acceptance: float) -> int:
        return best_count(16, acceptance, Batch(others, others), curve(*shape), guess_s)

    assert count(min(one, other)) <= count(max(one, other))


@given(curves, chances, st.floats(0, 0.05))
def test_the_dearer_guesses_are_the_fewer_are_made(
    shape: tuple[float, float, int], acceptance: float, more: float
) -> None:
    fixed, each, free = shape
    cheap = best_count(16, acceptance, NOBODY, curve(fixed, each, free), 0.001)
    dear = best_count(16, acceptance, NOBODY, curve(fixed, each, free), 0.001 + more)
    assert dear <= cheap


@given(st.integers(0, 20), chances)
def test_no_more_guesses_are_right_than_are_made(guesses: int, acceptance: float) -> None:
    assert 0 <= expected_right(guesses, acceptance) <= guesses


def pays_from(threshold: float) -> Callable[[float], int]:
    return lambda acceptance: 8 if acceptance >= threshold else 0


def steps_until_a_guess(trust: Trust, count_at: Callable[[float], int], most: int = 1000) -> int:
    return next((step for step in range(1, most) if trust.count(16, count_at)), most)


def test_a_sequence_whose_guesses_fail_stops_guessing() -> None:
    trust = Trust(0.5)
    made = 0
    while count := trust.count(16, pays_from(0.3)):
        trust.learn(count, 0)
        made += 1
    assert made < 5


def test_failing_guesses_are_tried_again_ever_more_rarely() -> None:
    trust = Trust(0.0)
    pauses = []
    for _ in range(6):
        pauses.append(steps_until_a_guess(trust, pays_from(0.3)))
        trust.learn(2, 0)
    assert pauses == [17, 33, 65, 129, 257, 257]


def test_a_try_that_succeeds_is_followed_by_more_until_guesses_pay_again() -> None:
    trust = Trust(0.0)
    steps_until_a_guess(trust, pays_from(0.5))
    for _ in range(4):
        trust.learn(2, 2)
        assert trust.count(16, pays_from(0.5)) >= 2
    assert trust.count(16, pays_from(0.5)) == 8


def test_nothing_is_tried_where_even_right_guesses_do_not_pay() -> None:
    assert steps_until_a_guess(Trust(0.5), pays_from(2.0)) == 1000


@pytest.mark.parametrize("right", [0, 3, 8])
def test_what_is_expected_stays_a_probability(right: int) -> None:
    trust = Trust(0.5)
    for _ in range(200):
        trust.learn(8, right)
    assert 0 <= trust.acceptance <= 1
