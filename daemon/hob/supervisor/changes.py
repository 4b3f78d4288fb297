"""What becomes of loaded models whose files change, go, or get another name."""

from __future__ import annotations

from collections.abc import Iterator

from hob.supervisor import problems
from hob.supervisor.room import Room
from hob.supervisor.seat import Seat
from hob.wire.models import ModelInfo


def take_over_change(room: Room, info: ModelInfo, *, in_place: bool) -> None:
    """The files of `info` are others now. Written into: what is being answered ends at once, since
    its weights have changed under it. Replaced: it is finished from the old files, which are still
    mapped. Then the model is loaded again if it is wanted, or the chosen one."""
    for seat in _seats_of(room, info.name):
        seat.info = info if seat.name == info.name else seat.info
        seat.worker.hopeless = False
        if not seat.held:
            continue
        if in_place:
            room.leave(seat, "changed", problems.changed(seat.name))
        else:
            seat.stale = True
    room.review_soon()


def take_over_removal(room: Room, name: str) -> None:
    """What is being answered is finished, what waits fails."""
    for seat in list(_seats_of(room, name)):
        seat.waiting.fail(problems.removed(seat.name))
        room.set_aside(seat)


def take_over_rename(room: Room, old: str, info: ModelInfo) -> None:
    """Nothing need be loaded again."""
    if (seat := room.seats.get(old)) is not None:
        room.rename(seat, info)


def _seats_of(room: Room, name: str) -> Iterator[Seat]:
    """The model's own, and those of profiles that load it in another way."""
    for seat in list(room.seats.values()):
        if not seat.gone and name in (seat.name, seat.info.base):
            yield seat
