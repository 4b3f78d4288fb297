"""Which plugin is to blame: for any row of ends."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hob.companions.plugin_blame import (
    FORGOTTEN_S,
    LONG_S,
    Entries,
    Inside,
    Strikes,
    in_doubt,
    strike,
)

A, B = Inside("a", "on_event"), Inside("b", "the action x")

_ends = st.lists(
    st.tuples(st.floats(0, 2 * FORGOTTEN_S), st.lists(st.sampled_from("abc"), unique=True)),
    max_size=30,
)


def test_who_was_entered_last_is_the_first_suspect() -> None:
    entries = Entries()
    entries.enter(1, "a", "on_event")
    entries.enter(2, "b", "the action x")
    assert entries.suspects() == (B, A)
    entries.leave(2)
    assert entries.suspects() == (A,)
    entries.enter(3, "a", "stop")
    assert entries.suspects() == (Inside("a", "stop"),)
    assert entries.within("a", "on_event")
    entries.leave(1)
    entries.leave(3)
    entries.leave(99)
    assert entries.suspects() == ()


def test_after_an_end_with_several_suspects_there_is_doubt_until_one_has_lived_long() -> None:
    assert in_doubt(False, (A, B), 1.0)
    assert in_doubt(True, (A,), 1.0)
    assert not in_doubt(True, (A,), LONG_S)
    assert not in_doubt(False, (A,), 1.0)
    assert in_doubt(False, (A, B), LONG_S)


def test_once_may_be_chance_and_twice_is_not() -> None:
    strikes, guilty = strike({}, [A], 0)
    assert guilty == ""
    strikes, guilty = strike(strikes, [A], 10)
    assert guilty == "a"
    assert strike(strikes, [A], 20)[1] == ""  # it was let in again


def test_of_two_that_were_there_twice_the_likeliest_goes_first() -> None:
    strikes, _ = strike({}, [A, B], 0)
    strikes, guilty = strike(strikes, [B, A], 1)
    assert guilty == "b"
    assert strike(strikes, [A], 2)[1] == "a"


def test_what_is_long_ago_is_forgotten() -> None:
    strikes, _ = strike({}, [A], 0)
    assert strike(strikes, [A], FORGOTTEN_S)[1] == ""


@given(_ends)
def test_nobody_is_kept_out_who_was_not_there_twice(ends: list[tuple[float, list[str]]]) -> None:
    strikes: Strikes = {}
    there: dict[str, int] = {}
    now = 0.0
    for wait_s, names in ends:
        now += wait_s
        strikes, guilty = strike(strikes, [Inside(name, "x") for name in names], now)
        for name in names:
            there[name] = there.get(name, 0) + 1
        if guilty:
            assert guilty in names
            assert there[guilty] >= 2
            there[guilty] = 0
        assert all(now - at < FORGOTTEN_S for times in strikes.values() for at in times)
