"""When other programs need memory."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fakes.pool_bench import in_virtual_time
from hob.supervisor import pressure
from hob.supervisor.pressure import BETWEEN_S, LOOK_EVERY_S, Reading, is_short, parse_psi
from hob.supervisor.room_plan import Relief

GIB = 2**30
AMPLE = Reading(None, 8 * GIB, 16 * GIB)
SHORT = Reading(None, GIB // 2, 16 * GIB)


class Holder:
    """Three idle models."""

    def __init__(self) -> None:
        self.loading = False
        self.models = ["old", "new", "chosen"]
        self.asked: list[Relief] = []
        self.relieved = asyncio.Event()

    @property
    def occupied(self) -> bool:
        return bool(self.models)

    def relieve(self, relief: Relief) -> str:
        self.asked.append(relief)
        self.relieved.set()
        return self.models.pop(0) if self.models else ""


@contextlib.asynccontextmanager
async def watching(holder: Holder, relief: Relief, reading: list[Reading]) -> AsyncIterator[None]:
    """`reading` holds what is read, the last of it for ever."""

    def read() -> Reading:
        return reading.pop(0) if len(reading) > 1 else reading[0]

    task = asyncio.ensure_future(pressure.watch(holder, relief, read=read, psi="/nowhere"))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


def test_programs_that_wait_for_memory_are_a_sign_whatever_is_said_to_be_available() -> None:
    assert is_short(Reading(0.5, 8 * GIB, 16 * GIB))
    assert not is_short(Reading(0.01, GIB // 4, 16 * GIB))


def test_without_the_kernels_word_little_memory_is_a_sign() -> None:
    assert is_short(SHORT)
    assert not is_short(AMPLE)
    assert not is_short(Reading(None, GIB // 4, 2 * GIB)), "a small machine has less to spare"


def test_the_kernels_figures_are_read() -> None:
    text = "some avg10=12.50 avg60=1.00 avg300=0.00 total=5\nfull avg10=1.00 avg60=0 total=1\n"
    assert parse_psi(text) == 0.125
    assert parse_psi("") is None
    assert parse_psi("full avg10=1.00") is None


def test_the_state_of_this_machine_can_be_read(tmp_path: Path) -> None:
    reading = pressure.read_pressure(str(tmp_path / "none"))
    assert reading.stalled is None
    assert 0 < reading.available <= reading.total


@in_virtual_time
async def test_idle_models_leave_one_by_one_while_memory_is_short() -> None:
    holder = Holder()
    async with watching(holder, "idle", [AMPLE, AMPLE, SHORT, SHORT, AMPLE]):
        await asyncio.sleep(2 * LOOK_EVERY_S + 1)
        assert holder.models == ["old", "new", "chosen"]
        await asyncio.sleep(LOOK_EVERY_S)
        assert holder.models == ["new", "chosen"]
        await asyncio.sleep(BETWEEN_S + LOOK_EVERY_S)
        assert holder.models == ["chosen"]
        await asyncio.sleep(1_000)
        assert holder.models == ["chosen"]
    assert holder.asked == ["idle", "idle"]


@in_virtual_time
async def test_nothing_leaves_while_a_model_is_being_loaded_or_when_it_is_switched_off() -> None:
    holder = Holder()
    holder.loading = True
    async with watching(holder, "all", [SHORT]):
        await asyncio.sleep(100)
    holder.loading = False
    await pressure.watch(holder, "off", read=lambda: SHORT)
    assert holder.models == ["old", "new", "chosen"]


if sys.platform == "linux":

    async def test_the_kernels_signal_is_heard() -> None:
        """Urgent data of a socket is signalled in the same way."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            near = socket.create_connection(server.getsockname())
            far, _ = server.accept()
        with near, far, pressure.priority_data(near.fileno()) as fired:
            far.send(b"!", socket.MSG_OOB)
            await asyncio.wait_for(fired.wait(), 10)

    async def test_a_file_that_cannot_signal_is_told_apart(tmp_path: Path) -> None:
        with (
            (tmp_path / "plain").open("w") as plain,
            pytest.raises(PermissionError),
            pressure.priority_data(plain.fileno()),
        ):
            pass

    async def test_watching_this_machine_waits_for_the_kernel_and_ends_when_told() -> None:
        holder = Holder()
        task = asyncio.ensure_future(pressure.watch(holder, "idle"))
        await asyncio.sleep(0)
        assert not task.done()
        task.cancel()
        await asyncio.wait({task})
        assert holder.asked == []
