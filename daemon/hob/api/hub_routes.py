"""/hob/v1/login: the token of the hub comes in, and never goes out."""

from __future__ import annotations

from aiohttp import web

from hob.api.bodies import decode
from hob.api.replies import json_reply, read
from hob.api.services import SERVICES, refuse_over_tcp
from hob.wire.pulls import LoginRequest

routes = web.RouteTableDef()


@routes.post("/hob/v1/login")
async def login(request: web.Request) -> web.Response:
    refuse_over_tcp(request)
    wanted = decode(await read(request), LoginRequest)
    hub = request.app[SERVICES].hub
    return json_reply(await (hub.login(wanted.token) if wanted.token else hub.logout()))
