"""The supervisor's decisions, as pure functions. Times are seconds on any steady clock."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from hob.errors import HobError, Overloaded, WorkerDied

FIRST_DELAY_S = 0.5
DELAY_CAP_S = 30.0
CRASH_LIMIT = 5
OVERLOAD_RETRY_S = 1.0

Place = Literal["none", "held", "leaving"]


@dataclass(frozen=True, slots=True)
class Failures:
    """Failures in a row, without an answer between them; `at` is when the last one happened."""

    count: int = 0
    at: float = 0.0

    def another(self, now: float, ready_s: float = 0.0) -> Failures:
        """One more, of a worker that had been ready for `ready_s`: after a long time in good
        health the row begins again."""
        return Failures(1 if ready_s > DELAY_CAP_S else self.count + 1, now)


@dataclass(frozen=True, slots=True)
class StartAt:
    """Start the process, at once when `at` has passed."""

    at: float


@dataclass(frozen=True, slots=True)
class Refuse:
    """Do not start it for now; worth asking again in `retry_after` seconds."""

    retry_after: float


def restart_delay(failures: int) -> float:
    """Seconds between the last of `failures` failures and the next start.

    The first restart is immediate, so that a single crash costs nobody a wait.
    """
    if failures <= 1:
        return 0.0
    return min(FIRST_DELAY_S * 2.0 ** min(failures - 2, 32), DELAY_CAP_S)


def decide_start(failures: Failures, now: float) -> StartAt | Refuse:
    """When a wanted worker may start. After CRASH_LIMIT failures it rests for DELAY_CAP_S, and
    is then tried once more for whoever asks."""
    if failures.count >= CRASH_LIMIT:
        rest = failures.at + DELAY_CAP_S - now
        return Refuse(rest) if rest > 0 else StartAt(now)
    return StartAt(max(now, failures.at + restart_delay(failures.count)))


def may_ask_again(problem: HobError, heard: bool, retried: bool) -> bool:
    """Whether a request whose worker is gone may be sent, once, to the next worker.

    Only when the process ended before it took the request up: it may have been dying already
    when the request was written to its pipe. Nothing of an answer has been shown then.
    """
    return isinstance(problem, WorkerDied) and not heard and not retried


def check_queue(model: str, requests: int, max_queued: int) -> None:
    """Raises Overloaded when a model with `requests` answering or waiting takes no more."""
    if requests >= max_queued:
        raise Overloaded(
            f"{model} already has {requests} requests, which is as many as Hob holds for it.",
            hint="Try again in a moment.",
            retry_after=OVERLOAD_RETRY_S,
        )


@dataclass(frozen=True, slots=True)
class SeatView:
    """What the room plan must know of a model. `busy`: answering, loading, or being waited for."""

    name: str
    place: Place
    busy: bool
    chosen: bool
    last_used: float


@dataclass(frozen=True, slots=True)
class RoomPlan:
    """Who may go to its worker now, and whose worker must end to make room."""

    grant: tuple[str, ...] = ()
    evict: tuple[str, ...] = ()


def plan_room(seats: Sequence[SeatView], wanting: Sequence[str], max_loaded: int) -> RoomPlan:
    """Share `max_loaded` places among the models that are wanted, first come, first served.

    A model keeps its place until another one needs it. Who must leave: idle before busy, the
    chosen model last, then the least recently used. A busy one is never ended; it is promised to
    whoever waits, and requests that come for it later wait behind, or a model in constant use
    would keep all others out for ever.
    """
    held = {seat.name: seat for seat in seats if seat.place == "held"}
    coming_free = sum(seat.place == "leaving" for seat in seats)
    free = max_loaded - len(held) - coming_free
    grant: list[str] = []
    evict: list[str] = []
    promised: set[str] = set()
    kept: set[str] = set()
    for name in wanting:
        if name in held:
            if name not in promised:
                grant.append(name)
                kept.add(name)
        elif free > 0 and not _is_leaving(name, seats):
            free -= 1
            grant.append(name)
        elif coming_free > 0:
            coming_free -= 1
        elif (victim := _victim(held.values(), promised, kept)) is not None:
            promised.add(victim.name)
            if not victim.busy:
                evict.append(victim.name)
    return RoomPlan(tuple(grant), tuple(evict))


def _is_leaving(name: str, seats: Sequence[SeatView]) -> bool:
    return any(seat.name == name and seat.place == "leaving" for seat in seats)


def _victim(
    held: Collection[SeatView], promised: Collection[str], kept: Collection[str]
) -> SeatView | None:
    """Those in `kept` are about to answer someone who came first, so they count as busy."""
    candidates = [
        SeatView(seat.name, seat.place, seat.busy or seat.name in kept, seat.chosen, seat.last_used)
        for seat in held
        if seat.name not in promised
    ]
    return min(candidates, key=lambda seat: (seat.busy, seat.chosen, seat.last_used), default=None)


@dataclass(frozen=True, slots=True)
class IdlePlan:
    """Whose worker has idled too long, and when to look again (None: nothing to wait for)."""

    unload: tuple[str, ...] = ()
    next_at: float | None = None


def plan_idle(seats: Sequence[SeatView], now: float, idle_unload_s: float) -> IdlePlan:
    """Models that nobody used for `idle_unload_s` leave, except the chosen one. 0 keeps all."""
    if idle_unload_s <= 0:
        return IdlePlan()
    unload: list[str] = []
    deadlines: list[float] = []
    for seat in seats:
        if seat.place != "held" or seat.busy or seat.chosen:
            continue
        deadline = seat.last_used + idle_unload_s
        if deadline <= now:
            unload.append(seat.name)
        else:
            deadlines.append(deadline)
    return IdlePlan(tuple(unload), min(deadlines, default=None))
