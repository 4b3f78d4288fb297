"""/hob/v1/plugins: what there is, on or off, and what is set for it.

None of it over TCP: a plugin is code that runs as this user, and its settings may hold secrets.
"""

from __future__ import annotations

from difflib import get_close_matches

from aiohttp import web

from hob.api.bodies import decode
from hob.api.replies import json_reply, read
from hob.api.services import SERVICES, refuse_over_tcp
from hob.errors import PluginNotFound
from hob.wire.plugin_host import ManageVerb
from hob.wire.plugins import PluginInfo, PluginRef, PluginSet

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
    await request.app[SERVICES].plugins.settled()
    return json_reply(_plugin(request, wanted.plugin))


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
    changed = await request.app[SERVICES].plugins.manage(
        "set", wanted.plugin, setting=wanted.setting, value=wanted.value
    )
    return json_reply(changed or _plugin(request, wanted.plugin))


async def _manage(request: web.Request, verb: ManageVerb) -> web.Response:
    refuse_over_tcp(request)
    wanted = decode(await read(request), PluginRef)
    changed = await request.app[SERVICES].plugins.manage(verb, wanted.plugin)
    return json_reply(changed or _plugin(request, wanted.plugin))


def _plugin(request: web.Request, name: str) -> PluginInfo:
    """Raises PluginNotFound, and whatever keeps every plugin from running."""
    listing = request.app[SERVICES].plugins.listing()
    for info in listing.plugins:
        if info.name == name:
            return info
    if listing.problem is not None and not listing.plugins:
        raise listing.problem.error()
    close = get_close_matches(name, [info.name for info in listing.plugins], n=1)
    raise PluginNotFound(
        f"There is no plugin {name!r}.",
        hint=f"Did you mean {close[0]}?" if close else "`hob plugins` lists those that there are.",
        param="plugin",
    )
