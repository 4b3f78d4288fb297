"""One life of the process that runs the plugins: its pipe, its health, and what it is inside of."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import psutil

from hob.children.spawn import Child
from hob.companions import plugin_words
from hob.companions.plugin_blame import Entries
from hob.errors import HobError, ProtocolError
from hob.wire.frames import FrameReader, encode_frame
from hob.wire.plugin_host import (
    MAX_FROM_HOST_BYTES,
    Begin,
    FromHostMessage,
    Ping,
    Pong,
    ToHostMessage,
    from_host_decoder,
)

_READ_BYTES = 64 * 1024
# What may wait in the pipe of a process that does not read: then only what must be is written.
_FULL_BYTES = 32 * 2**20
_FACTS_FULL_BYTES = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What a process in good health does: it answers within `hung_s` (`first_s` before its first
    word), and takes no more memory than `max_rss_bytes`. Looked at every `look_s`; asked every
    `ping_s`."""

    look_s: float = 1.0
    ping_s: float = 5.0
    hung_s: float = 10.0
    first_s: float = 60.0
    max_rss_bytes: int = 2**30


class Life:
    """Made when the process has started; `attend` is all of it."""

    def __init__(
        self, child: Child, health: Health, hear: Callable[[FromHostMessage], None]
    ) -> None:
        self.entries = Entries()
        self.ready = False
        # It has not answered in time, so nobody should wait for it who can do without.
        self.silent = False
        self._child = child
        self._health = health
        self._hear = hear
        self._heard = False
        # How long it has owed us an answer; None when it does not. Counted in our own looks and not
        # by a clock, which jumps when this machine, or the daemon alone, was asleep.
        self._owing_s: float | None = None

    def send(self, message: ToHostMessage) -> None:
        """Write without waiting. Raises Overloaded when the process does not read."""
        if self._waiting_bytes() > _FULL_BYTES:
            raise plugin_words.pipe_full()
        self._write(message)

    def tell(self, message: ToHostMessage) -> bool:
        """Write what the process can do without; false when it was not written."""
        if self._waiting_bytes() > _FACTS_FULL_BYTES:
            return False
        self._write(message)
        return True

    async def attend(self, begin: Begin, kill: Callable[[str], None]) -> None:
        """Speak with the process until its pipe ends. Raises ProtocolError for nonsense."""
        self._write(begin)
        problem: HobError | None = None
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(self._watch(kill))
            try:
                await self._read()
            except HobError as error:
                problem = error
            watch.cancel()
        if problem is not None:
            raise problem

    async def _read(self) -> None:
        reader = FrameReader(MAX_FROM_HOST_BYTES)
        while data := await self._child.stdout.read(_READ_BYTES):
            for body in reader.feed(data):
                self._take(_decoded(body))

    def _take(self, message: FromHostMessage) -> None:
        self._heard = True
        if isinstance(message, Pong):
            self._owing_s = None
            self.silent = False
        else:
            self._hear(message)

    async def _watch(self, kill: Callable[[str], None]) -> None:
        """Look at it until something is wrong with it."""
        health = self._health
        try:
            process = psutil.Process(self._child.pid)
        except psutil.Error:
            return  # it is gone already
        since_ping_s, number = health.ping_s, 0
        while True:
            if self._owing_s is None and since_ping_s >= health.ping_s:
                since_ping_s, number = 0.0, number + 1
                self._owing_s = 0.0
                self._write(Ping(number=number))
            with contextlib.suppress(psutil.Error):
                if why := self._trouble(process.memory_info().rss):
                    kill(why)
                    return
            await asyncio.sleep(health.look_s)
            since_ping_s += health.look_s
            if self._owing_s is not None:
                self._owing_s += health.look_s

    def _trouble(self, rss_bytes: int) -> str:
        """Why it cannot go on like this; empty when it can."""
        health = self._health
        if rss_bytes > health.max_rss_bytes:
            return plugin_words.too_large(rss_bytes, health.max_rss_bytes)
        limit = health.hung_s if self._heard else health.first_s
        if self._owing_s is not None and self._owing_s >= limit:
            return plugin_words.hung(limit)
        return ""

    def _waiting_bytes(self) -> int:
        return self._child.stdin.transport.get_write_buffer_size()

    def _write(self, message: ToHostMessage) -> None:
        if not self._child.stdin.is_closing():
            self._child.stdin.write(encode_frame(message))


def _decoded(body: bytes) -> FromHostMessage:
    try:
        return from_host_decoder.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ProtocolError(
            "The process of the plugins sent something that Hob does not understand.",
            hint="If Hob was updated just now, restart it with `hob restart`.",
        ) from error
