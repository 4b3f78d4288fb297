"""/hob/v1/models/show: all that is known of one model."""

from __future__ import annotations

from aiohttp import web

from hob.api.bodies import decode
from hob.api.models.routes import entry_of
from hob.api.replies import json_reply, read
from hob.api.services import SERVICES
from hob.wire.models import ModelRef

routes = web.RouteTableDef()


@routes.post("/hob/v1/models/show")
async def show(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    asked = decode(await read(request), ModelRef).model
    return json_reply(await services.inspector.details(entry_of(services, asked)))
