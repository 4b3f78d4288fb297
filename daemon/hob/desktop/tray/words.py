"""Texts for menus and tooltips: short, on one line, and harmless whatever a file is called."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

ELLIPSIS = "…"
# For what has no letter that can be shown.
UNNAMED = "(unnamed)"
_LONGEST_LOOKED_AT = 2000


def one_line(text: str, longest: int) -> str:
    """`text` on one line without control and direction characters, its end cut when too long."""
    head = text[:_LONGEST_LOOKED_AT]
    kept = "".join(" " if char.isspace() else char for char in head if not _unsafe(char))
    plain = " ".join(kept.split())
    cut = len(plain) > longest or len(text) > len(head)
    return f"{plain[: longest - 1].rstrip()}{ELLIPSIS}" if cut else plain


def shortened(name: str, longest: int) -> str:
    """A name on one line, its middle left out when too long: beginnings and ends tell most."""
    plain = one_line(name, _LONGEST_LOOKED_AT) or UNNAMED
    if len(plain) <= longest:
        return plain
    tail = (longest - 1) // 2
    return f"{plain[: longest - 1 - tail]}{ELLIPSIS}{plain[-tail:]}"


def told_apart(names: Sequence[str], longest: int) -> dict[str, str]:
    """Each name in a short form of its own; where two would look the same both stand in full, and
    with a number where even that does not tell them apart."""
    shown = {name: shortened(name, longest) for name in names}
    for name in _same(shown):
        shown[name] = one_line(name, _LONGEST_LOOKED_AT) or UNNAMED
    numbers: dict[str, int] = {}
    for name in _same(shown):
        numbers[shown[name]] = number = numbers.get(shown[name], 0) + 1
        shown[name] = f"{shown[name]} ({number})"
    return shown


def size(count: int) -> str:
    """Bytes, in the decimal units that download pages use: `98.3 MB`."""
    value, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 999.5:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if unit == "B" or value >= 99.95 else f"{value:.1f} {unit}"


def percent(fraction: float) -> str:
    return f"{min(max(fraction, 0.0), 1.0) * 100:.0f} %"


def joined(parts: Iterable[str]) -> str:
    """What there is of some parts, with dots between."""
    return " · ".join(part for part in parts if part)


def _same(shown: dict[str, str]) -> list[str]:
    """The names of which another one is shown alike; letters of either case look alike."""
    seen: dict[str, list[str]] = {}
    for name, label in shown.items():
        seen.setdefault(label.casefold(), []).append(name)
    return [name for alike in seen.values() if len(alike) > 1 for name in alike]


def _unsafe(char: str) -> bool:
    """Controls, surrogates, unassigned characters, and marks that turn the writing around."""
    return not char.isspace() and unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn"}
