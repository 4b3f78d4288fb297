from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hob.config.units import format_duration, format_size, parse_duration, parse_size


@given(st.integers(min_value=0, max_value=10**12))
def test_every_duration_survives_being_shown_and_read(millis: int) -> None:
    seconds = millis / 1000
    assert parse_duration(format_duration(seconds)) == seconds


@given(st.integers(min_value=0, max_value=2**50))
def test_every_size_survives_being_shown_and_read(size: int) -> None:
    assert parse_size(format_size(size)) == size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("250ms", 0.25), ("10s", 10.0), ("1.5 min", 90.0), ("2h", 7200.0), (" 30min ", 1800.0)],
)
def test_durations_are_read_with_their_unit(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "size"),
    [("512B", 512), ("64KiB", 65_536), ("1.5GB", 1_500_000_000), ("10 MiB", 10 * 2**20)],
)
def test_sizes_are_read_with_their_unit(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "shown"),
    [(0.0, "0s"), (0.1, "100ms"), (90.0, "90s"), (1800.0, "30min"), (86_400.0, "24h")],
)
def test_durations_are_shown_in_their_largest_whole_unit(text: float, shown: str) -> None:
    assert format_duration(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "30",
        "min",
        "30 minutes",
        "30m",
        "-5s",
        "1e3s",
        "\u0661\u0660s",
        "5s 3ms",
        "NaNs",
        "9" * 50 + "s",
    ],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"unit|number"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["", "10", "MiB", "10mb", "10 MB/s", "-1B", "0.5B", "1e9B"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"unit|number"):
        parse_size(text)
