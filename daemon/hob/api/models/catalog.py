"""/hob/v1/models/recommend: what is worth having on this machine."""

from __future__ import annotations

from aiohttp import web

from hob.api.replies import json_reply
from hob.api.services import SERVICES

routes = web.RouteTableDef()


@routes.get("/hob/v1/models/recommend")
async def recommend(request: web.Request) -> web.Response:
    """`?all=1` for the whole list, with what does not suit the machine."""
    every = request.query.get("all", "0") not in ("0", "false", "")
    return json_reply(await request.app[SERVICES].catalog.recommendations(every=every))
