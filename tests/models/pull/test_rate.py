"""Figures of a download that a person can believe."""

from __future__ import annotations

import pytest

from hob.models.pull.rate import Rate


def test_nothing_is_guessed_in_the_first_second() -> None:
    rate = Rate(0, 10.0)
    rate.add(500, 10.5)
    assert rate.bytes_per_second is None
    assert rate.left_s(1000) is None


def test_a_steady_download_shows_its_rate_and_what_is_left() -> None:
    rate = Rate(0, 0.0)
    for tick in range(1, 101):
        rate.add(tick * 100, tick * 0.1)
    assert rate.bytes_per_second == pytest.approx(1000, rel=0.01)
    assert rate.left_s(20_000) == pytest.approx(10, rel=0.02)


def test_what_was_there_before_is_not_counted() -> None:
    rate = Rate(1_000_000, 0.0)
    rate.add(1_002_000, 2.0)
    assert rate.bytes_per_second == 1000


def test_a_change_shows_gradually() -> None:
    rate = Rate(0, 0.0)
    rate.add(10_000, 10.0)
    rate.add(10_000 + 5_000, 11.0)
    assert rate.bytes_per_second is not None
    assert 1000 < rate.bytes_per_second < 3000


def test_a_download_that_stands_still_has_no_end_in_sight_but_no_error() -> None:
    rate = Rate(0, 0.0)
    rate.add(0, 2.0)
    assert rate.left_s(1000) is None


def test_beginning_anew_is_no_negative_rate() -> None:
    rate = Rate(0, 0.0)
    rate.add(2_000, 2.0)
    rate.add(0, 3.0)
    rate.add(500, 4.0)
    assert rate.bytes_per_second is not None
    assert rate.bytes_per_second > 0


def test_a_clock_that_stands_is_no_division_by_zero() -> None:
    rate = Rate(0, 1.0)
    rate.add(100, 1.0)
    assert rate.bytes_per_second is None


def test_an_unknown_size_has_no_time_left() -> None:
    rate = Rate(0, 0.0)
    rate.add(2_000, 2.0)
    assert rate.left_s(0) is None
