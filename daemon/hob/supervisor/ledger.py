"""How much memory there is and who holds it: what the room's plan is made from.

A figure of free memory does not tell all. A model that is still loading has not taken yet what it
will take, and the weights of a loaded one are pages of its file, which the system counts as free.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable

from hob.errors import OutOfMemory
from hob.supervisor.lifecycle import READY
from hob.supervisor.memory import (
    Bytes,
    Memory,
    Planner,
    Rated,
    less,
    more,
    planned,
    rate,
)
from hob.supervisor.room_plan import anything_fits
from hob.supervisor.seat import Seat
from hob.wire.engine import LoadOptions
from hob.wire.fit import Fit
from hob.wire.models import ModelInfo

_CPU = "cpu"


def private_bytes(pid: int) -> int | None:
    """What the process holds besides pages of files; None where the system does not tell."""
    if sys.platform != "linux":
        return None
    import psutil

    try:
        memory = psutil.Process(pid).memory_info()
    except psutil.Error:
        return None
    return int(memory.rss - memory.shared)


class Ledger:
    """`planner` None: nobody knows about memory, and everything fits.

    `options` says how a model is loaded as far as settings and profile go.
    """

    def __init__(
        self,
        planner: Planner | None,
        options: Callable[[ModelInfo], LoadOptions],
        private: Callable[[int], int | None] = private_bytes,
    ) -> None:
        self._planner = planner
        self._options = options
        self._private = private

    def free(self, seats: Iterable[Seat]) -> Memory:
        """What new models may take: what is free, less what those of the seats will still take."""
        if self._planner is None:
            return ()
        memory = tuple(self._planner.memory())
        for seat in seats:
            if seat.place != "none":
                memory = less(memory, self._outstanding(seat))
        return memory

    def alone(self, seats: Iterable[Seat]) -> Memory:
        """What there would be if no model were loaded."""
        seats = list(seats)
        memory = self.free(seats)
        for seat in seats:
            if seat.place != "none":
                memory = more(memory, seat.holds)
        return memory

    def _outstanding(self, seat: Seat) -> Bytes:
        """What the seat's model holds or will hold, and the figures of free memory do not show."""
        loaded = seat.worker.state == READY
        pid = seat.worker.pid
        private = self._private(pid) if pid is not None else None
        hidden: dict[str, int] = {}
        for device, need in seat.holds.items():
            if device != _CPU:
                hidden[device] = 0 if loaded else need
            elif pid is None:
                hidden[device] = need
            elif private is None:
                hidden[device] = seat.cpu_weights if loaded else need
            else:
                hidden[device] = max(need - private, 0)
        return hidden

    def rate(self, info: ModelInfo, memory: Memory) -> Rated:
        """How well the model would fit into so much memory."""
        if self._planner is None:
            return anything_fits(info.name, memory)
        options = self._options(info)
        return rate(self._planner.plan(info, options, memory), options)

    def options(self, info: ModelInfo, fit: Fit | None) -> LoadOptions:
        return planned(self._options(info), fit)


def out_of_memory(fit: Fit) -> OutOfMemory:
    """What to tell whoever wants a model that does not fit even alone."""
    free = sum(device.free_bytes for device in fit.devices)
    why = fit.why or (
        f"{fit.model} needs {fit.need_bytes / 2**20:.0f} MB of memory, and"
        f" {free / 2**20:.0f} MB are free."
    )
    nearest = "; ".join(choice.words for choice in fit.nearest)
    hint = f"What would fit: {nearest}." if nearest else "Close other programs, or choose another."
    return OutOfMemory(why, hint=hint, need_bytes=fit.need_bytes, free_bytes=max(free, 0))
