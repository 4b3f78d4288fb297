"""The desktop's connection to a real session bus."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from dbus_fast.aio import MessageBus

from desktop.bus import Bus
from hob.desktop.session_bus import BusRefused, SessionBus, ask, owner_of


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Bus]:
    bus = Bus(tmp_path)
    bus.start()
    yield bus
    bus.stop()


def test_what_serves_and_fails_is_begun_again(bus: Bus) -> None:
    served = threading.Semaphore(0)

    async def serve(_: MessageBus) -> None:
        served.release()
        raise RuntimeError("a mistake")

    lost: list[str] = []
    there = SessionBus("test", serve, lost.append, bus.address)
    assert served.acquire(timeout=30)
    assert served.acquire(timeout=30)
    there.close()
    assert lost


def test_it_ends_at_once_whatever_is_going_on(bus: Bus) -> None:
    begun = threading.Event()
    ended = threading.Event()

    async def serve(_: MessageBus) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    there = SessionBus("test", serve, lambda _: None, bus.address)
    assert begun.wait(30)
    there.close()
    assert ended.is_set()
    # Calls from other threads come too late, and nothing comes of it.
    there.soon(begun.clear)
    assert begun.is_set()


def test_answers_and_refusals_are_told_apart(bus: Bus) -> None:
    told: list[object] = []
    done = threading.Event()

    async def serve(connection: MessageBus) -> None:
        told.append(await owner_of(connection, "org.example.Nobody"))
        told.append(await owner_of(connection, "org.freedesktop.DBus"))
        for target in (
            ("org.example.Nobody", "/", "org.example.Nobody"),
            ("org.freedesktop.DBus", "/", "org.freedesktop.DBus"),
        ):
            try:
                await ask(connection, target, "NoSuchMethod")
            except BusRefused as error:
                told.append(error.absent)
        done.set()
        await asyncio.Event().wait()

    there = SessionBus("test", serve, lambda _: None, bus.address)
    assert done.wait(30)
    there.close()
    assert told == ["", "org.freedesktop.DBus", True, True]
