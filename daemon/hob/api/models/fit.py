"""/hob/v1/models/fit: the memory that a model takes, and how it would be loaded now."""

from __future__ import annotations

from aiohttp import web
from msgspec.structs import replace

from hob.api.bodies import decode
from hob.api.replies import json_reply, read
from hob.api.services import SERVICES, resolve_model
from hob.wire.fit import FitRequest

routes = web.RouteTableDef()


@routes.post("/hob/v1/models/fit")
async def fit(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    asked = decode(await read(request), FitRequest)
    name = resolve_model(services, asked.model)
    return json_reply(services.fits.explain(replace(asked, model=name)))
