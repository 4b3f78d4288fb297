"""Streams that have no end of their own: facts for listeners, and orders for desktops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

from aiohttp import web

from hob.api.replies import open_stream
from hob.api.services import CLOSING, OPTIONS
from hob.api.sse import EventStream


async def stream_without_end(
    request: web.Request,
    greeting: str,
    tell: Callable[[EventStream], Coroutine[None, None, None]],
) -> web.StreamResponse:
    """Send what `tell` tells until it ends, the reader leaves or the daemon stops. `greeting` is a
    comment that readers ignore."""
    app = request.app
    stream = await open_stream(request)
    await stream.comment(greeting)
    try:
        async with asyncio.TaskGroup() as group:
            telling = group.create_task(tell(stream))
            beating = group.create_task(_beat(stream, app[OPTIONS].keep_alive_s))
            closing = group.create_task(app[CLOSING].wait())
            await asyncio.wait({telling, closing}, return_when=asyncio.FIRST_COMPLETED)
            for task in (telling, beating, closing):
                task.cancel()
    except* ConnectionError as left:
        raise ConnectionError("The reader has left.") from left
    return await stream.finish()


async def _beat(stream: EventStream, every_s: float) -> None:
    """A reader that is gone without a word is noticed by what it does not take."""
    while True:
        await asyncio.sleep(every_s)
        await stream.comment("keep-alive")
