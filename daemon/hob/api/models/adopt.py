"""/hob/v1/models/adopt: the models of other programs, listed and linked."""

from __future__ import annotations

from aiohttp import web

from hob.api.bodies import decode
from hob.api.replies import json_reply, read
from hob.api.services import SERVICES, refuse_while_stopping
from hob.wire.library import AdoptRequest

routes = web.RouteTableDef()


@routes.get("/hob/v1/models/adopt")
async def adoptable(request: web.Request) -> web.Response:
    return json_reply(await request.app[SERVICES].adoption.adoptable())


@routes.post("/hob/v1/models/adopt")
async def adopt(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    wanted = decode(await read(request), AdoptRequest)
    refuse_while_stopping(services)
    return json_reply(await services.adoption.adopt(wanted.models))
