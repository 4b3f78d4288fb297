"""/hob/v1/tools: what a model may call while it answers."""

from __future__ import annotations

from aiohttp import web

from hob.api.replies import json_reply
from hob.api.services import SERVICES

routes = web.RouteTableDef()


@routes.get("/hob/v1/tools")
async def tools(request: web.Request) -> web.Response:
    plugins = request.app[SERVICES].plugins
    await plugins.settled()
    return json_reply(plugins.tools())
