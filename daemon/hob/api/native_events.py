"""/hob/v1/events: every fact as it happens, for whoever shows it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
from aiohttp import web

from hob.api.replies import open_stream
from hob.api.services import CLOSING, OPTIONS, SERVICES
from hob.api.sse import EventStream
from hob.wire.events import Event

routes = web.RouteTableDef()


@routes.get("/hob/v1/events", allow_head=False)
async def events(request: web.Request) -> web.StreamResponse:
    """Facts from now on, until the listener leaves or the daemon stops."""
    app = request.app
    async with app[SERVICES].facts.subscribe() as facts:
        stream = await open_stream(request)
        await stream.comment("every fact from now on")
        try:
            async with asyncio.TaskGroup() as group:
                telling = group.create_task(_tell(facts, stream))
                beating = group.create_task(_beat(stream, app[OPTIONS].keep_alive_s))
                closing = group.create_task(app[CLOSING].wait())
                await asyncio.wait({telling, closing}, return_when=asyncio.FIRST_COMPLETED)
                for task in (telling, beating, closing):
                    task.cancel()
        except* ConnectionError as left:
            raise ConnectionError("The listener has left.") from left
    return await stream.finish()


async def _tell(facts: AsyncIterator[Event], stream: EventStream) -> None:
    async for fact in facts:
        await stream.send(msgspec.json.encode(fact), event=_name_of(fact))


async def _beat(stream: EventStream, every_s: float) -> None:
    """A listener that is gone without a word is noticed by what it does not take."""
    while True:
        await asyncio.sleep(every_s)
        await stream.comment("keep-alive")


def _name_of(fact: Event) -> str:
    return str(type(fact).__struct_config__.tag)
