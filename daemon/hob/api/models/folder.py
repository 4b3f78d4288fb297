"""/hob/v1/models/forgive: a model whose load crashed the worker is tried again."""

from __future__ import annotations

from aiohttp import web

from hob.api.bodies import decode
from hob.api.replies import json_reply, read
from hob.api.services import SERVICES, checked_name
from hob.wire.models import ModelEntry, ModelRef

routes = web.RouteTableDef()


@routes.post("/hob/v1/models/forgive")
async def forgive(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    asked = decode(await read(request), ModelRef).model
    info = services.library.forgive(checked_name(asked))
    entries = {entry.info.name: entry for entry in services.models.entries()}
    known = entries.get(info.name)
    return json_reply(known or ModelEntry(info=info, state="available", chosen=False))
