"""The clipboard by Wayland's data-control protocol, which a compositor grants to programs without
a focused window (sway, Hyprland, KDE, COSMIC; not GNOME).

https://wayland.app/protocols/ext-data-control-v1 and its elder, wlr-data-control-unstable-v1: the
requests and events that are used here have the same numbers in both.
"""

from __future__ import annotations

import contextlib
import os
import select
import struct
import sys
import threading
import time
from dataclasses import dataclass, field

from hob.desktop.clipboard.contents import too_large
from hob.desktop.clipboard.wayland_wire import Broken, Connection, Event, packed_text
from hob.errors import DesktopRefused

ANSWER_LIMIT_S = 2.0
WHOLE_LIMIT_S = 15.0
_ROUND_LIMIT_S = 5.0
_MAX_TYPES = 200
_MAX_POURS = 16
_MANAGERS = ("ext_data_control_manager_v1", "zwlr_data_control_manager_v1")
_TEXT_TYPES = ("text/plain;charset=utf-8", "text/plain", "UTF8_STRING", "TEXT", "STRING")

_DISPLAY = 1
_SYNC, _GET_REGISTRY = 0, 1
_BIND = 0
_CREATE_SOURCE, _GET_DEVICE = 0, 1
_SET_SELECTION = 0
_OFFER = 0
_RECEIVE, _DESTROY = 0, 1


class NoControl(Exception):
    """This compositor has no data-control protocol for us."""


@dataclass
class _Offer:
    types: list[str] = field(default_factory=list)


class DataControl:
    """Follows what is offered, and has the clipboard after `offer`. Used by one thread, which
    calls `pump` when the connection can be read."""

    def __init__(self, connection: Connection) -> None:
        self._wire = connection
        self._globals: dict[str, tuple[int, int]] = {}
        self._synced: set[int] = set()
        self._offers: dict[int, _Offer] = {}
        # By selection: the number of the offer in force.
        self._current: dict[str, int] = {}
        self._sources: dict[int, bytes] = {}
        self._source = 0
        self._device = 0
        self._pours = threading.Semaphore(_MAX_POURS)
        self._registry = connection.new_id()
        connection.send(_DISPLAY, _GET_REGISTRY, struct.pack("=I", self._registry))
        self._round()
        self._start()
        self._round()

    def fileno(self) -> int:
        return self._wire.fileno()

    def types(self, selection: str) -> tuple[str, ...]:
        """What is offered now for "CLIPBOARD" or "PRIMARY"."""
        self._round()
        offer = self._offers.get(self._current.get(selection, 0))
        return tuple(offer.types) if offer else ()

    def own(self) -> str | None:
        """The text that we have on the clipboard; None when another program has it."""
        data = self._sources.get(self._source)
        return None if data is None else data.decode("utf-8")

    def fetch(self, selection: str, kind: str, limit: int) -> bytes:
        """What is offered, in one type. Raises DesktopRefused when it is too large or does not
        come."""
        number = self._current.get(selection, 0)
        if number not in self._offers:
            return b""
        reader, writer = os.pipe()
        try:
            self._wire.send(number, _RECEIVE, packed_text(kind), writer)
        finally:
            os.close(writer)
        try:
            return _drained(reader, limit)
        finally:
            os.close(reader)

    def offer(self, text: str) -> None:
        """Have the clipboard, until another program takes it."""
        source = self._wire.new_id()
        self._wire.send(self._manager, _CREATE_SOURCE, struct.pack("=I", source))
        for kind in _TEXT_TYPES:
            self._wire.send(source, _OFFER, packed_text(kind))
        self._sources[source] = text.encode("utf-8", "replace")
        self._source = source
        self._wire.send(self._device, _SET_SELECTION, struct.pack("=I", source))
        self._round()

    def pump(self) -> None:
        """Take in what has come."""
        for event in self._wire.receive():
            self._heard(event)

    def _start(self) -> None:
        manager = next((each for each in _MANAGERS if each in self._globals), None)
        if manager is None or "wl_seat" not in self._globals:
            raise NoControl
        self._manager = self._bind(manager, 2 if manager.startswith("zwlr") else 1)
        seat = self._bind("wl_seat", 1)
        self._device = self._wire.new_id()
        self._wire.send(self._manager, _GET_DEVICE, struct.pack("=II", self._device, seat))

    def _bind(self, interface: str, version: int) -> int:
        name, offered = self._globals[interface]
        number = self._wire.new_id()
        ends = struct.pack("=II", min(version, offered), number)
        self._wire.send(
            self._registry, _BIND, struct.pack("=I", name) + packed_text(interface) + ends
        )
        return number

    def _round(self) -> None:
        """Wait until the compositor has seen all that we sent, and we what it said before."""
        callback = self._wire.new_id()
        self._wire.send(_DISPLAY, _SYNC, struct.pack("=I", callback))
        end = time.monotonic() + _ROUND_LIMIT_S
        while callback not in self._synced:
            ready, _, _ = select.select([self._wire], [], [], max(0, end - time.monotonic()))
            if not ready:
                raise Broken("the compositor does not answer")
            self.pump()
        self._synced.discard(callback)

    def _heard(self, event: Event) -> None:
        if event.object == _DISPLAY:
            if event.opcode == 0:
                raise Broken(f"the compositor refuses: {event.text(8)[:200]}")
        elif event.object == self._registry:
            if event.opcode == 0:
                interface = event.text(4)
                version = int.from_bytes(event.body[-4:], sys.byteorder)
                self._globals.setdefault(interface, (event.numbers(1)[0], version))
        elif event.object == self._device:
            self._device_heard(event)
        elif event.object in self._offers:
            types = self._offers[event.object].types
            if event.opcode == 0 and len(types) < _MAX_TYPES:
                types.append(event.text()[:200])
        elif event.object in self._sources:
            self._source_heard(event)
        elif event.opcode == 0:
            self._synced.add(event.object)

    def _device_heard(self, event: Event) -> None:
        if event.opcode == 0:
            self._offers[event.numbers(1)[0]] = _Offer()
        elif event.opcode in (1, 3):
            selection = "CLIPBOARD" if event.opcode == 1 else "PRIMARY"
            (new,) = event.numbers(1)
            old = self._current.get(selection, 0)
            self._current[selection] = new
            if old in self._offers and old not in self._current.values():
                del self._offers[old]
                self._wire.send(old, _DESTROY)
        elif event.opcode == 2:
            raise Broken("the seat has gone")

    def _source_heard(self, event: Event) -> None:
        if event.opcode == 1:
            # Another program has the clipboard now.
            del self._sources[event.object]
            self._wire.send(event.object, _DESTROY)
            return
        fd = self._wire.take_fd()
        if event.text() not in _TEXT_TYPES or not self._pours.acquire(blocking=False):
            os.close(fd)
            return
        data = self._sources[event.object]
        threading.Thread(target=self._pour, args=(fd, data), name="copied", daemon=True).start()

    def _pour(self, fd: int, data: bytes) -> None:
        """Write to a program that pastes, as fast as that reads."""
        try:
            os.set_blocking(fd, False)
            view = memoryview(data)
            while view:
                if not select.select([], [fd], [], WHOLE_LIMIT_S)[1]:
                    return
                view = view[os.write(fd, view[: 2**16]) :]
        except OSError:
            return
        finally:
            with contextlib.suppress(OSError):
                os.close(fd)
            self._pours.release()


def _drained(reader: int, limit: int) -> bytes:
    data = bytearray()
    end = time.monotonic() + WHOLE_LIMIT_S
    while True:
        ready, _, _ = select.select([reader], [], [], ANSWER_LIMIT_S)
        if not ready or time.monotonic() > end:
            raise DesktopRefused(
                "The program that has the clipboard does not answer, so it cannot be read.",
                hint="Copy the text again, or end that program.",
            )
        piece = os.read(reader, 2**18)
        if not piece:
            return bytes(data)
        data += piece
        if len(data) > limit:
            raise too_large(len(data), limit)
