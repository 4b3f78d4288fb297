"""Durations and sizes as people write them: `30min`, `10MiB`."""

from __future__ import annotations

import re
from decimal import Decimal

# In milliseconds; smallest first.
DURATION_UNITS = {"ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000}
SIZE_UNITS = {
    "B": 1,
    "KB": 10**3,
    "KiB": 2**10,
    "MB": 10**6,
    "MiB": 2**20,
    "GB": 10**9,
    "GiB": 2**30,
}

_BINARY_UNITS = ("GiB", "MiB", "KiB")
_AMOUNT = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,9})?) ?([A-Za-z]*)")


def parse_duration(text: str) -> float:
    """Seconds of `250ms`, `10s`, `30min` or `2h`. Raises ValueError that says what is wrong."""
    return float(_amount(text, DURATION_UNITS, "10s") / 1_000)


def format_duration(seconds: float) -> str:
    """The shortest text that parse_duration reads back as `seconds`."""
    millis = Decimal(repr(seconds)) * 1_000
    for unit, size in reversed(DURATION_UNITS.items()):
        if millis and millis % size == 0:
            return f"{_plain(millis / size)}{unit}"
    return f"{_plain(millis / 1_000)}s"


def _plain(number: Decimal) -> str:
    """Without an exponent and without closing zeros."""
    return f"{number.normalize():f}"


def parse_size(text: str) -> int:
    """Bytes of `512B`, `64KiB` or `1.5GB`. Raises ValueError that says what is wrong."""
    size = _amount(text, SIZE_UNITS, "10MiB")
    if size % 1:
        raise ValueError("is not a whole number of bytes")
    return int(size)


def format_size(size: int) -> str:
    """The text with the largest binary unit that parse_size reads back as `size` bytes."""
    for unit in _BINARY_UNITS:
        if size and size % SIZE_UNITS[unit] == 0:
            return f"{size // SIZE_UNITS[unit]}{unit}"
    return f"{size}B"


def _amount(text: str, units: dict[str, int], example: str) -> Decimal:
    match = _AMOUNT.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"is not a number with a unit such as {example}")
    number, unit = match.groups()
    if not unit:
        raise ValueError(f"has no unit; write it like {example}")
    if unit not in units:
        raise ValueError(f"has the unknown unit {unit!r}")
    return Decimal(number) * units[unit]
