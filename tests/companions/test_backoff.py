"""When a process is started again: for any row of lives."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hob.companions.backoff import Policy, pause_after, row_of_deaths

_lives = st.lists(st.floats(0, 200, allow_nan=False), max_size=50)


def test_the_first_crash_costs_nobody_a_wait() -> None:
    assert pause_after(row_of_deaths(0, 1.0, Policy()), Policy()).seconds == 0


def test_pauses_double_up_to_their_limit() -> None:
    policy = Policy(first_s=1, longest_s=5, deaths=10)
    assert [pause_after(row, policy).seconds for row in range(1, 7)] == [0, 1, 2, 4, 5, 5]


def test_a_row_of_quick_deaths_is_given_up_for_a_while() -> None:
    policy = Policy(deaths=3, rest_s=100)
    assert not pause_after(2, policy).resting
    assert pause_after(3, policy).resting
    assert pause_after(3, policy).seconds == 100


def test_a_healthy_life_begins_the_row_again() -> None:
    policy = Policy(healthy_s=60)
    assert row_of_deaths(4, 59.9, policy) == 5
    assert row_of_deaths(4, 60, policy) == 1


@given(_lives, st.integers(2, 8))
def test_whatever_happens_a_pause_is_bounded_and_rests_follow_quick_deaths_alone(
    lives: list[float], deaths: int
) -> None:
    policy = Policy(deaths=deaths)
    row = 0
    quick = 0
    for lived in lives:
        row = row_of_deaths(row, lived, policy)
        quick = 0 if lived >= policy.healthy_s else quick + 1
        pause = pause_after(row, policy)
        assert 0 <= pause.seconds <= max(policy.longest_s, policy.rest_s)
        assert pause.resting == (row >= deaths)
        assert not pause.resting or quick >= deaths - 1


@given(st.integers(1, 10_000))
def test_pauses_never_become_shorter_within_a_row(row: int) -> None:
    policy = Policy()
    assert pause_after(row, policy).seconds <= pause_after(row + 1, policy).seconds
