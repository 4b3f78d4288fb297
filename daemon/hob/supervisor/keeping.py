"""How long a model stays after its last use: as usual, as a request says, or as a person does."""

from __future__ import annotations

from dataclasses import dataclass

from hob.supervisor.seat import Seat

_FOR_GOOD = float("inf")


@dataclass(frozen=True, slots=True)
class Stay:
    """`idle_s`: how long it stays after its last use, infinite for good. `whoever`: the chosen
    model leaves then as well."""

    idle_s: float
    whoever: bool = False


def stay_of(seat: Seat, usual_s: float) -> Stay:
    """What a person says goes before what requests say, and that before the usual time, of which 0
    is for good."""
    if seat.kept is not None:
        for_s = seat.kept.for_s
        return Stay(_FOR_GOOD) if for_s is None else Stay(for_s, whoever=True)
    if seat.keep_alive is None:
        return Stay(usual_s if usual_s > 0 else _FOR_GOOD)
    return Stay(
        seat.keep_alive if seat.keep_alive >= 0 else _FOR_GOOD, whoever=seat.keep_alive == 0
    )


def leaves_at(seat: Seat, usual_s: float, now: float, *, chosen: bool) -> float | None:
    """When the model leaves if nobody asks it anything more; None when it stays, or is not there.

    As long as it is busy its time begins anew, so that what is told only ever grows.
    """
    stay = stay_of(seat, usual_s)
    if not seat.held or stay.idle_s == _FOR_GOOD or (chosen and not stay.whoever):
        return None
    return (now if seat.busy else seat.used_at) + stay.idle_s
