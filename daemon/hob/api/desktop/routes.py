"""/hob/v1/desktop and /hob/v1/recent, over the local socket alone: whoever holds the API's token
must not read the clipboard with it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
from aiohttp import web

from hob.api.bodies import decode
from hob.api.endless import stream_without_end
from hob.api.replies import json_reply, read
from hob.api.services import SERVICES, refuse_over_tcp, refuse_while_stopping
from hob.api.sse import EventStream
from hob.wire.desktop import (
    AnyOrder,
    DesktopAsk,
    DesktopHello,
    DesktopState,
    NewRecent,
    OrderReply,
    OrderTaken,
)

routes = web.RouteTableDef()

# Reading a clipboard waits for the program that owns it, and pasting for a window.
_ORDER_LIMIT_S = 20.0


@routes.post("/hob/v1/desktop/attach")
async def attach(request: web.Request) -> web.StreamResponse:
    """Orders, until the desktop leaves or the daemon stops."""
    refuse_over_tcp(request)
    services = request.app[SERVICES]
    hello = decode(await read(request), DesktopHello)
    refuse_while_stopping(services)
    async with services.desk.attach(hello) as orders:
        return await stream_without_end(
            request, "orders from now on", lambda stream: _give(orders, stream)
        )


async def _give(orders: AsyncIterator[AnyOrder], stream: EventStream) -> None:
    async for order in orders:
        await stream.send(msgspec.json.encode(order))


@routes.post("/hob/v1/desktop/reply")
async def reply(request: web.Request) -> web.Response:
    refuse_over_tcp(request)
    given = decode(await read(request), OrderReply)
    return json_reply(OrderTaken(taken=request.app[SERVICES].desk.reply(given)))


@routes.post("/hob/v1/desktop/state")
async def state(request: web.Request) -> web.Response:
    refuse_over_tcp(request)
    told = decode(await read(request), DesktopState)
    return json_reply(request.app[SERVICES].desk.tell(told))


@routes.post("/hob/v1/desktop/ask")
async def ask(request: web.Request) -> web.Response:
    refuse_over_tcp(request)
    asked = decode(await read(request), DesktopAsk)
    return json_reply(await request.app[SERVICES].desk.ask(asked, _ORDER_LIMIT_S))


@routes.get("/hob/v1/desktop")
async def listing(request: web.Request) -> web.Response:
    refuse_over_tcp(request)
    return json_reply(request.app[SERVICES].desk.listing())


@routes.get("/hob/v1/recent")
async def recent(request: web.Request) -> web.Response:
    refuse_over_tcp(request)
    return json_reply(request.app[SERVICES].desk.recent())


@routes.post("/hob/v1/recent")
async def add_recent(request: web.Request) -> web.Response:
    refuse_over_tcp(request)
    answer = decode(await read(request), NewRecent)
    return json_reply(request.app[SERVICES].desk.add_recent(answer))


@routes.post("/hob/v1/recent/clear")
async def clear_recent(request: web.Request) -> web.Response:
    refuse_over_tcp(request)
    await read(request)
    return json_reply(request.app[SERVICES].desk.clear_recent())
