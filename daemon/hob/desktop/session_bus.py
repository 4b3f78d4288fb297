"""A thread with a connection to the session's D-Bus, made again whenever it is lost."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from dbus_fast import BusType, Message, MessageType
from dbus_fast.aio import MessageBus
from dbus_fast.errors import AuthError, InvalidAddressError

_log = logging.getLogger("hob.desktop")

CALL_LIMIT_S = 25.0
_CONNECT_LIMIT_S = 10.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0

_BUS = "org.freedesktop.DBus"
_NOT_THERE = frozenset(
    f"org.freedesktop.DBus.Error.{name}"
    for name in (
        "ServiceUnknown", "NameHasNoOwner", "UnknownInterface", "UnknownMethod", "UnknownObject",
        "Spawn.ServiceNotFound", "NotSupported",
    )
)  # fmt: skip


class BusRefused(Exception):
    """Another program answered with an error, or not in time. Stays within the desktop."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name

    @property
    def absent(self) -> bool:
        """Whether there is nothing that could do what was asked."""
        return self.name in _NOT_THERE


class SessionBus:
    """`serve` is run on the thread's own event loop with each new connection, and cancelled when
    that is lost; `lost` is then called there with the reason, as when there is no bus at all."""

    def __init__(
        self,
        name: str,
        serve: Callable[[MessageBus], Awaitable[None]],
        lost: Callable[[str], None],
        address: str | None = None,
    ) -> None:
        self._serve = serve
        self._lost = lost
        self._address = address
        self._loop = asyncio.new_event_loop()
        self._leave = asyncio.Event()
        self._thread = threading.Thread(target=self._main, name=name, daemon=True)
        self._thread.start()

    def soon(self, call: Callable[[], None]) -> None:
        """Have `call` made on the loop, from any thread; nothing once it is closed."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call)

    def close(self) -> None:
        self.soon(self._leave.set)
        self._thread.join(2)

    def _main(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._live())

    async def _live(self) -> None:
        pause = _FIRST_PAUSE_S
        while not self._leave.is_set():
            bus = await self._connect()
            if bus is not None:
                if await self._use(bus):
                    pause = _FIRST_PAUSE_S
                if not self._leave.is_set():
                    self._lost("The session's D-Bus has gone.")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._leave.wait()
            pause = min(pause * 2, _LONGEST_PAUSE_S)

    async def _connect(self) -> MessageBus | None:
        try:
            bus = MessageBus(bus_address=self._address, bus_type=BusType.SESSION)
            async with asyncio.timeout(_CONNECT_LIMIT_S):
                return await bus.connect()
        except (OSError, EOFError, AuthError, InvalidAddressError, TimeoutError) as error:
            self._lost(f"The session's D-Bus cannot be reached: {error or 'no answer'}.")
            return None

    async def _use(self, bus: MessageBus) -> bool:
        """Until the connection is lost, or `close`; False when `serve` has failed instead."""
        serving = asyncio.ensure_future(self._serve(bus))
        gone: asyncio.Future[None] = asyncio.ensure_future(bus.wait_for_disconnect())  # type: ignore[no-untyped-call]
        leave = asyncio.ensure_future(self._leave.wait())
        tasks: list[asyncio.Future[Any]] = [serving, gone, leave]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if serving.done() and (error := serving.exception()) and bus.connected:
                _log.error("serving the session's D-Bus failed", exc_info=error)
                return False
            return True
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            bus.disconnect()


async def ask(
    bus: MessageBus,
    target: tuple[str, str, str],
    member: str,
    signature: str = "",
    body: Sequence[object] = (),
    *,
    limit_s: float = CALL_LIMIT_S,
) -> Message:
    """Call a method of `target` (name, path, interface); the reply. Raises BusRefused."""
    destination, path, interface = target
    call = Message(
        destination=destination,
        path=path,
        interface=interface,
        member=member,
        signature=signature,
        body=list(body),
    )
    try:
        # Unlike wait_for, this lets no cancellation go unheard (CPython 86296).
        async with asyncio.timeout(limit_s):
            reply = await bus.call(call)
    except TimeoutError:
        raise BusRefused("org.freedesktop.DBus.Error.NoReply", "no answer") from None
    except (OSError, EOFError) as error:
        raise BusRefused("org.freedesktop.DBus.Error.Disconnected", str(error)) from None
    if reply is None:
        raise BusRefused("org.freedesktop.DBus.Error.NoReply", "no answer")
    if reply.message_type is MessageType.ERROR:
        said = reply.body[0] if reply.body and isinstance(reply.body[0], str) else ""
        raise BusRefused(reply.error_name or "", said[:300])
    return reply


async def listen(bus: MessageBus, rule: str) -> None:
    """Have signals delivered that match the rule."""
    await ask(bus, (_BUS, "/org/freedesktop/DBus", _BUS), "AddMatch", "s", [rule])


async def owner_of(bus: MessageBus, name: str) -> str:
    """The unique name of who has `name` now, empty for nobody."""
    try:
        reply = await ask(bus, (_BUS, "/org/freedesktop/DBus", _BUS), "GetNameOwner", "s", [name])
    except BusRefused:
        return ""
    return str(reply.body[0])
