"""/hob/v1/plugins: what there is, on or off, and what is set for it.

None of it over TCP: a plugin is code that runs as this user, and its settings may hold secrets.
"""

from __future__ import annotations

from aiohttp import web

from hob.api.bodies import decode
from hob.api.replies import json_reply, read
from hob.api.services import SERVICES, refuse_over_tcp
from hob.wire.plugin_host import ManageVerb
from hob.wire.plugins import PluginRef, PluginSet

routes = web.RouteTableDef()


@routes.get("/hob/v1/plugins")
async def plugins(request: web.Request) -> web.Response:
    refuse_over_tcp(request)
    plugins = request.app[SERVICES].plugins
    await plugins.settled()
    return json_reply(plugins.listing())


@routes.post("/hob/v1/plugins/show")
async def show(request: web.Request) -> web.Response:
    refuse_over_tcp(request)
    wanted = decode(await read(request), PluginRef)
    plugins = request.app[SERVICES].plugins
    await plugins.settled()
    return json_reply(plugins.plugin(wanted.plugin))


@routes.post("/hob/v1/plugins/enable")
async def enable(request: web.Request) -> web.Response:
    return await _manage(request, "enable")


@routes.post("/hob/v1/plugins/disable")
async def disable(request: web.Request) -> web.Response:
    return await _manage(request, "disable")


@routes.post("/hob/v1/plugins/reload")
async def reload(request: web.Request) -> web.Response:
    return await _manage(request, "reload")


@routes.post("/hob/v1/plugins/set")
async def set_(request: web.Request) -> web.Response:
    refuse_over_tcp(request)
    wanted = decode(await read(request), PluginSet)
    plugins = request.app[SERVICES].plugins
    await plugins.manage("set", wanted.plugin, setting=wanted.setting, value=wanted.value)
    return json_reply(plugins.plugin(wanted.plugin))


async def _manage(request: web.Request, verb: ManageVerb) -> web.Response:
    refuse_over_tcp(request)
    wanted = decode(await read(request), PluginRef)
    plugins = request.app[SERVICES].plugins
    await plugins.manage(verb, wanted.plugin)
    return json_reply(plugins.plugin(wanted.plugin))
