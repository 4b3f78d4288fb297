"""Noticing that other programs need memory, so that idle models can make way.

Linux tells by PSI (https://docs.kernel.org/accounting/psi.html) how long programs were held up for
want of memory, and wakes whoever asked for it; elsewhere what is available is looked at now and
then, and only while a model is loaded.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import select
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hob.supervisor.room_plan import Relief

logger = logging.getLogger(__name__)

# Some program waited for memory for a tenth of the time. A window of 2 s is what the kernel gives
# to programs without privileges.
STALLED_SHARE = 0.1
WINDOW_US = 2_000_000
TRIGGER = f"some {int(WINDOW_US * STALLED_SHARE)} {WINDOW_US}"
# Without the kernel's word: how often to look.
LOOK_EVERY_S = 5.0
# Too little is left when it is less than both.
SHORT_SHARE = 0.05
SHORT_BYTES = 2**30
# What was unloaded takes effect before the next model goes.
BETWEEN_S = 5.0

_PSI = "/proc/pressure/memory"
_AVERAGE = re.compile(r"^some avg10=([0-9]+(?:\.[0-9]+)?)", re.MULTILINE)


class Holder(Protocol):
    """Whose models can leave; see Pool."""

    @property
    def loading(self) -> bool: ...

    @property
    def occupied(self) -> bool: ...

    def relieve(self, relief: Relief) -> str: ...


@dataclass(frozen=True, slots=True)
class Reading:
    """`stalled`: the share of the last ten seconds in which programs waited for memory, None where
    the system does not tell; sizes in bytes."""

    stalled: float | None
    available: int
    total: int


def is_short(reading: Reading) -> bool:
    """Whether other programs suffer."""
    if reading.stalled is not None:
        return reading.stalled >= STALLED_SHARE
    return reading.available < min(SHORT_BYTES, SHORT_SHARE * reading.total)


def parse_psi(text: str) -> float | None:
    """The share of the last ten seconds in which some program was held up."""
    found = _AVERAGE.search(text)
    return float(found[1]) / 100 if found else None


def read_pressure(psi: str = _PSI) -> Reading:
    """As it is now; a read of /proc, which never waits."""
    import psutil

    stalled: float | None = None
    with contextlib.suppress(OSError, ValueError):
        stalled = parse_psi(Path(psi).read_text("ascii"))
    memory = psutil.virtual_memory()
    return Reading(stalled, int(memory.available), int(memory.total))


async def watch(
    holder: Holder,
    relief: Relief,
    *,
    read: Callable[[], Reading] = read_pressure,
    psi: str = _PSI,
) -> None:
    """Unload idle models, one after the other, while other programs lack memory; until cancelled.

    A model that is being loaded takes memory by itself, so nothing is done meanwhile.
    """
    if relief == "off":
        return
    with _trigger(psi) as fired:
        while True:
            if fired is None:
                await asyncio.sleep(LOOK_EVERY_S if holder.occupied else 2 * LOOK_EVERY_S)
                if not holder.occupied or not is_short(read()):
                    continue
            else:
                await fired.wait()
                fired.clear()
            if holder.loading:
                continue
            if name := holder.relieve(relief):
                logger.info("unloading %s: other programs need memory", name)
                await asyncio.sleep(BETWEEN_S)


@contextlib.contextmanager
def _trigger(psi: str) -> Iterator[asyncio.Event | None]:
    """Set by the kernel when programs are held up for want of memory; None where it cannot be."""
    if sys.platform != "linux":
        yield None
        return
    with contextlib.ExitStack() as stack:
        try:
            file = os.open(psi, os.O_RDWR | os.O_NONBLOCK)
            stack.callback(os.close, file)
            os.write(file, TRIGGER.encode() + b"\0")
            fired: asyncio.Event | None = stack.enter_context(priority_data(file))
        except OSError as error:
            # An older kernel gives triggers to root alone, and containers may hide the file.
            logger.debug("no word of the kernel on memory pressure: %s", error)
            fired = None
        yield fired


if sys.platform == "linux":

    @contextlib.contextmanager
    def priority_data(file: int) -> Iterator[asyncio.Event]:
        """Set whenever the file signals priority data, which is how the kernel tells of pressure.

        asyncio waits only for input. A poll of its own in between is itself a file that has input.
        Raises OSError for a file that cannot be waited for.
        """
        fired = asyncio.Event()
        loop = asyncio.get_running_loop()
        with select.epoll() as poll:
            poll.register(file, select.EPOLLPRI)

            def hear() -> None:
                if any(events & select.EPOLLERR for _, events in poll.poll(0)):
                    loop.remove_reader(poll.fileno())  # the file is gone, and would signal for ever
                fired.set()

            loop.add_reader(poll.fileno(), hear)
            try:
                yield fired
            finally:
                loop.remove_reader(poll.fileno())
