"""States in RAM: bounded, the longest unused go first, and the longest beginning is found."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hob.engine.cache.saved import Entry, SavedStates

TOKENS = st.lists(st.integers(0, 1), min_size=1, max_size=8)


def entry(tokens: list[int], size: int = 0, key: str = "") -> Entry:
    return Entry(key, tokens, bytes(size))


def starts(tokens: list[int], beginning: list[int]) -> bool:
    return tokens[: len(beginning)] == beginning


@given(
    st.lists(st.tuples(TOKENS, st.integers(0, 300), st.sampled_from("ab"))),
    st.integers(0, 1_000),
    st.booleans(),
)
def test_the_bound_holds_whatever_is_put(
    puts: list[tuple[list[int], int, str]], limit: int, divisible: bool
) -> None:
    states = SavedStates(limit, divisible)
    for tokens, size, key in puts:
        new = entry(tokens, size, key)
        assert states.put(new) == (new.size <= limit)
        assert states.knows(key, tokens) or new.size > limit
        assert 0 <= states.size <= limit


@given(st.lists(TOKENS), TOKENS)
def test_a_divisible_state_serves_every_beginning_of_its_tokens(
    puts: list[list[int]], asked: list[int]
) -> None:
    states = SavedStates(10**6, divisible=True)
    for tokens in puts:
        states.put(entry(tokens))
    best = max(
        (n for n in range(len(asked) + 1) if any(starts(put, asked[:n]) for put in puts)),
        default=0,
    )
    found = states.find("", asked)
    assert (found.length if found else 0) == best
    assert not found or starts(found.entry.tokens, asked[:best])


@given(st.lists(TOKENS), TOKENS)
def test_a_whole_state_serves_only_all_of_its_tokens(
    puts: list[list[int]], asked: list[int]
) -> None:
    states = SavedStates(10**6, divisible=False)
    for tokens in puts:
        states.put(entry(tokens))
    best = max((len(put) for put in puts if starts(asked, put)), default=0)
    found = states.find("", asked)
    assert (found.length if found else 0) == best
    assert not found or found.entry.tokens == asked[:best]


def test_the_longest_unused_goes_first() -> None:
    states = SavedStates(3 * 136, divisible=True)
    one, two, three = (entry([n], 100) for n in (1, 2, 3))
    for new in (one, two, three):
        states.put(new)
    states.use(one)
    states.put(entry([4], 100))
    assert [states.knows("", [n]) for n in (1, 2, 3, 4)] == [True, False, True, True]


@pytest.mark.parametrize(("divisible", "left"), [(True, 1), (False, 2)])
def test_a_longer_state_replaces_the_shorter_where_it_serves_as_well(
    divisible: bool, left: int
) -> None:
    states = SavedStates(10_000, divisible)
    states.put(entry([1, 2], 10))
    states.put(entry([1, 2, 3], 10))
    assert len(states) == left
    assert states.knows("", [1, 2])


def test_what_is_of_no_use_is_forgotten_once() -> None:
    states = SavedStates(10_000, divisible=True)
    bad = entry([1, 2], 10)
    states.put(bad)
    states.forget(bad)
    states.forget(bad)
    assert (len(states), states.size, states.find("", [1, 2])) == (0, 0, None)
