"""Sizes, times and tables as people read them. Plain text, so that it costs nothing to import."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TypeVar

import click
import msgspec

T = TypeVar("T")


def size(count: int) -> str:
    """Bytes, in the decimal units that download pages use: `98.3 MB`."""
    value, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 999.5:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if unit == "B" or value >= 99.95 else f"{value:.1f} {unit}"


def counted(count: int, noun: str) -> str:
    """`1 model`, `2 models`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def parameters(count: int | None) -> str:
    """A parameter count as model names write it: `135M`, `1.7B`."""
    if count is None:
        return "-"
    for limit, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if count >= limit:
            value = count / limit
            return f"{value:.1f}{unit}" if value < 10 else f"{value:.0f}{unit}"
    return str(count)


def duration(seconds: float) -> str:
    """`0.3 s`, `12 s`, `4 min`, `2 h 5 min`, `3 days`."""
    if seconds < 10:
        return f"{max(seconds, 0):.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    return f"{hours // 24} days"


def moment(unix: float) -> str:
    """The local time of day, with the date unless it is today."""
    local = time.localtime(unix)
    today = time.strftime("%F", local) == time.strftime("%F")
    return time.strftime("%H:%M" if today else "%F %H:%M", local)


def table(
    header: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()
) -> str:
    """Columns as wide as their widest cell; those in `right` are set flush right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = []
    for row in (header, *rows):
        cells = [
            cell.rjust(width) if index in right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def print_json(value: object) -> None:
    """A value as JSON, indented on a terminal."""
    data = msgspec.json.encode(value)
    if sys.stdout.isatty():
        data = msgspec.json.format(data, indent=2)
    click.echo(data)
