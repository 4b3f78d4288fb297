"""What every handler needs: the body of the request, and a value as the reply."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator

import msgspec
from aiohttp import web

from hob.api.bodies import read_body
from hob.api.services import OPTIONS
from hob.api.sse import STREAM, EventStream

_encoder = msgspec.json.Encoder()


async def read(request: web.Request) -> bytes:
    """The body within the API's limits; see bodies.read_body for the errors."""
    options = request.app[OPTIONS]
    return await read_body(
        request,
        max_bytes=options.max_body_bytes,
        timeout_s=options.body_timeout_s,
        idle_s=options.body_idle_s,
    )


def json_reply(value: msgspec.Struct) -> web.Response:
    return web.Response(body=_encoder.encode(value), content_type="application/json")


async def open_stream(request: web.Request) -> EventStream:
    """Begin a stream within the API's limits. From now on an error travels inside it."""
    stream = await EventStream.open(request, request.app[OPTIONS].write_timeout_s)
    request[STREAM] = stream
    return stream


async def stream_events(
    request: web.Request, events: AsyncIterator[msgspec.Struct]
) -> web.StreamResponse:
    """Send each event as it comes. A client that leaves ends what makes them."""
    stream = await open_stream(request)
    async with contextlib.AsyncExitStack() as stack:
        if isinstance(events, AsyncGenerator):
            await stack.enter_async_context(contextlib.aclosing(events))
        async for event in events:
            await stream.send(msgspec.json.encode(event))
    return await stream.finish()
