"""When a process that ended by itself is started again, as pure functions. Times in seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The first restart is immediate, so that a single crash costs nobody a wait; the next waits
    `first_s`, and each one after that twice as long, up to `longest_s`. After `deaths` in a row
    the process rests for `rest_s`. A life of `healthy_s` begins the row again."""

    first_s: float = 0.5
    longest_s: float = 30.0
    deaths: int = 5
    rest_s: float = 600.0
    healthy_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Pause:
    """Start it again in `seconds`; `resting` when it was given up for that time."""

    seconds: float
    resting: bool = False


def row_of_deaths(before: int, lived_s: float, policy: Policy) -> int:
    """How many deaths in a row it is with the one that ended a life of `lived_s`."""
    return 1 if lived_s >= policy.healthy_s else before + 1


def pause_after(row: int, policy: Policy) -> Pause:
    """What to do after so many deaths in a row; after a rest it gets one life at a time."""
    if row >= policy.deaths:
        return Pause(policy.rest_s, resting=True)
    if row <= 1:
        return Pause(0.0)
    return Pause(min(policy.first_s * 2.0 ** min(row - 2, 32), policy.longest_s))
