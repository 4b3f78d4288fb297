"""Figures out of samples, each beside its limit."""

from __future__ import annotations

from statistics import median

from bench.measure import Pairs
from bench.report import Figure


def compared(
    what: str,
    pairs: Pairs,
    unit: str,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    peer: str | None = None,
) -> Figure:
    """`pairs` are of Hob and the peer, or `peer` says what stands there instead."""
    limit, met = "", None
    if at_least is not None:
        limit, met = f">= {at_least}", pairs.ratio >= at_least
    if at_most is not None:
        limit, met = f"<= {at_most}", pairs.ratio <= at_most
    return Figure(
        what,
        f"{short(median(pairs.hob))} {unit}",
        peer if peer is not None else f"{short(median(pairs.peer))} {unit}",
        f"{pairs.ratio:.2f}",
        limit,
        met,
        pairs,
        ratio=pairs.ratio,
        more_is_better=unit.endswith("/s"),
    )


def bounded(what: str, value: float, unit: str, most: float) -> Figure:
    return Figure(
        what,
        f"{short(value)} {unit}",
        limit=f"<= {most:g} {unit}",
        met=value <= most,
        samples=value,
    )


def short(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.2f}"
