"""What the pool says of its models and workers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence

import msgspec

from hob.supervisor.keeping import leaves_at
from hob.supervisor.ledger import Ledger
from hob.supervisor.lifecycle import DOWN, READY
from hob.supervisor.memory import Memory
from hob.supervisor.room import Room
from hob.supervisor.seat import Seat
from hob.wire.fit import Verdict
from hob.wire.models import ModelEntry, ModelInfo, ModelState
from hob.wire.status import WorkerStatus

# Planning many models takes a while, and a listing must not hold the loop up.
PLANNING_S = 0.005
# Free memory changes all the time; a verdict stands until it has changed by so much.
STEP_BYTES = 256 * 2**20

# How much is free of each device, in those steps.
_About = tuple[tuple[str, int], ...]


class Verdicts:
    """Whether each model would fit if nothing else were loaded, remembered while the memory is
    about the same. What is not known in time is told by a later listing."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._known: dict[str, tuple[ModelInfo, _About, Verdict]] = {}

    def of(self, infos: Sequence[ModelInfo], memory: Memory) -> Mapping[str, Verdict]:
        """By name, for those that are known."""
        now = tuple((device.name, device.free_bytes // STEP_BYTES) for device in memory)
        until = time.perf_counter() + PLANNING_S
        found: dict[str, Verdict] = {}
        for info in infos:
            known = self._known.get(info.name)
            if info.problem is not None:
                continue
            current = known is not None and known[0] is info and known[1] == now
            if not current and time.perf_counter() < until:
                known = self._plan(info, memory, now) or known
            if known is not None:
                found[info.name] = known[2]
        self._forget(infos)
        return found

    def _plan(
        self, info: ModelInfo, memory: Memory, now: _About
    ) -> tuple[ModelInfo, _About, Verdict] | None:
        fit = self._ledger.rate(info, memory).fit
        if fit is None:
            return None
        self._known[info.name] = (info, now, fit.verdict)
        return self._known[info.name]

    def _forget(self, infos: Sequence[ModelInfo]) -> None:
        if len(self._known) > len(infos):
            names = {info.name for info in infos}
            self._known = {name: known for name, known in self._known.items() if name in names}


def list_entries(
    infos: Sequence[ModelInfo], room: Room, chosen: str, verdicts: Mapping[str, Verdict]
) -> list[ModelEntry]:
    """Every model with what is done with it now."""
    return [
        ModelEntry(
            info=info,
            state=_state_of(info, room),
            chosen=info.name == chosen,
            verdict=verdicts.get(info.name),
        )
        for info in infos
    ]


def _state_of(info: ModelInfo, room: Room) -> ModelState:
    seat = room.seats.get(info.worker)
    if info.copying is not None:
        return "copying"
    if info.problem is not None:
        return "bad"
    if seat is None:
        return "available"
    if seat.worker.state == READY:
        return "answering" if seat.live else "warm"
    return "loading" if seat.busy or room.wants(seat) else "available"


def status_of(seat: Seat, usual_s: float, clock: float, *, chosen: bool) -> WorkerStatus:
    """What is told of the seat's worker; `clock` is the time in unix seconds, `usual_s` how long
    models stay after their last use."""
    now = asyncio.get_running_loop().time()
    leaves = leaves_at(seat, usual_s, now, chosen=chosen)
    status = seat.worker.status(
        chosen=chosen,
        waiting=len(seat.waiting.answers),
        last_used=clock - (now - seat.used_at),
    )
    return msgspec.structs.replace(
        status,
        keep_for_s=seat.kept.for_s if seat.kept else None,
        unload_at=None if leaves is None else clock + (leaves - now),
    )


def worth_telling(seat: Seat) -> bool:
    """Workers that run, are waited for, or are down because of a failure."""
    worker = seat.worker
    return bool(worker.state != DOWN or seat.requests or worker.problem is not None)
