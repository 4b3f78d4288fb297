"""/hob/v1/events: every fact as it happens, for whoever shows it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
from aiohttp import web

from hob.api.endless import stream_without_end
from hob.api.services import SERVICES
from hob.api.sse import EventStream
from hob.wire.events import Event

routes = web.RouteTableDef()


@routes.get("/hob/v1/events", allow_head=False)
async def events(request: web.Request) -> web.StreamResponse:
    """Facts from now on, until the listener leaves or the daemon stops."""
    async with request.app[SERVICES].facts.subscribe() as facts:
        return await stream_without_end(
            request, "every fact from now on", lambda stream: _tell(facts, stream)
        )


async def _tell(facts: AsyncIterator[Event], stream: EventStream) -> None:
    async for fact in facts:
        await stream.send(msgspec.json.encode(fact), event=_name_of(fact))


def _name_of(fact: Event) -> str:
    return str(type(fact).__struct_config__.tag)
