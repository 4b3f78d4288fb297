"""A program on a session bus, in a thread of the test: for services that are not installed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from dbus_fast import ErrorType, Message, MessageType
from dbus_fast.aio import MessageBus

Answer = tuple[str, list[object]]


class BusService:
    """Owns `name` from `start` to `stop`. `answer` is called on the service's own thread with each
    call that is not the bus's business; None is an unknown method."""

    def __init__(self, address: str, name: str, answer: Callable[[Message], Answer | None]) -> None:
        self._address = address
        self._name = name
        self._answer = answer
        self._bus: MessageBus | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(30)

    def emit(
        self, to: str | None, path: str, member: tuple[str, str], signature: str, body: list[object]
    ) -> None:
        """Send a signal, `member` of (interface, name), to one program or to all."""

        def send() -> None:
            assert self._bus is not None
            self._bus.send(
                Message(
                    message_type=MessageType.SIGNAL,
                    destination=to,
                    path=path,
                    interface=member[0],
                    member=member[1],
                    signature=signature,
                    body=body,
                )
            )

        self._loop.call_soon_threadsafe(send)

    def stop(self) -> None:
        if self._loop.is_closed():
            return

        async def leave() -> None:
            if self._bus is not None:
                self._bus.disconnect()

        asyncio.run_coroutine_threadsafe(leave(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()

    async def _start(self) -> None:
        self._bus = await MessageBus(bus_address=self._address).connect()
        self._bus.add_message_handler(self._heard)
        await self._bus.request_name(self._name)

    def _heard(self, message: Message) -> Message | bool:
        if message.message_type is not MessageType.METHOD_CALL:
            return False
        answer = self._answer(message)
        if answer is None:
            return Message.new_error(message, ErrorType.UNKNOWN_METHOD, "no such method")
        return Message.new_method_return(message, *answer)
