"""Server-sent events to a reader that may be slow, or gone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Final, Self

from aiohttp import web


class ReaderTooSlow(ConnectionError):
    """The reader took nothing for the whole write timeout and was cut off."""


class EventStream:
    """One text/event-stream reply.

    What is not read yet is bounded: aiohttp holds at most some 64 KiB per connection before a send
    waits, and a send that waits `write_timeout_s` ends the connection. Every method raises
    ConnectionError once the reader is gone.
    """

    def __init__(self, request: web.Request, write_timeout_s: float) -> None:
        self._request = request
        self._write_timeout_s = write_timeout_s
        self.response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )

    @classmethod
    async def open(cls, request: web.Request, write_timeout_s: float) -> Self:
        """Send the headers."""
        stream = cls(request, write_timeout_s)
        await stream.response.prepare(request)
        return stream

    async def send(self, data: bytes, event: str = "") -> None:
        """One event; `data` is one line."""
        name = f"event: {event}\n".encode() if event else b""
        await self._write(b"%bdata: %b\n\n" % (name, data))

    async def comment(self, text: str) -> None:
        """A line that readers ignore: it shows that the other end is there."""
        await self._write(f": {text}\n\n".encode())

    async def finish(self) -> web.StreamResponse:
        """End the stream cleanly."""
        await self._bounded(self.response.write_eof())
        return self.response

    async def fail(self, envelope: bytes) -> web.StreamResponse:
        """Say what went wrong and hang up without the end mark of the body, so that not even a
        client that cannot read the envelope takes what it has for a whole answer."""
        await self.send(envelope)
        if (transport := self._request.transport) is not None:
            transport.close()
        return self.response

    async def _write(self, data: bytes) -> None:
        transport = self._request.transport
        if transport is not None and transport.get_write_buffer_size() == 0:
            # The reader keeps up, so this write waits for nothing and needs no timer: at one write
            # a token, timers are a good part of what the daemon does.
            await self.response.write(data)
        else:
            await self._bounded(self.response.write(data))

    async def _bounded(self, writing: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(self._write_timeout_s):
                await writing
        except TimeoutError as error:
            if (transport := self._request.transport) is not None:
                transport.abort()
            raise ReaderTooSlow("The reader took nothing for too long.") from error


# The stream that a request is answered with, once it has begun.
STREAM: Final = web.RequestKey("hob.stream", EventStream)
