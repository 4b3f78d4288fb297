"""/hob/v1/actions: what plugins offer to do, and the doing of it."""

from __future__ import annotations

from aiohttp import web

from hob.api.bodies import decode
from hob.api.replies import json_reply, read, stream_events
from hob.api.services import SERVICES, refuse_over_tcp, refuse_while_stopping
from hob.errors import ActionNotFound
from hob.wire.hotkey import parse_hotkey
from hob.wire.plugins import ActionRequest, HotkeyRequest

routes = web.RouteTableDef()


@routes.get("/hob/v1/actions")
async def actions(request: web.Request) -> web.Response:
    plugins = request.app[SERVICES].plugins
    await plugins.settled()
    return json_reply(plugins.actions())


@routes.post("/hob/v1/actions/run")
async def run(request: web.Request) -> web.StreamResponse:
    """Events until `finished` or `failed`; a client that leaves takes the run back.

    An action may read the clipboard, so it is not for whoever holds a token.
    """
    services = request.app[SERVICES]
    refuse_over_tcp(request)
    wanted = decode(await read(request), ActionRequest)
    refuse_while_stopping(services)
    # The desktop that a person has just used is the one that is meant from now on.
    services.desk.used(wanted.desktop)
    # What can be known before it begins is an error and not a stream.
    events = await services.plugins.run(wanted)
    return await stream_events(request, events)


@routes.post("/hob/v1/actions/hotkey")
async def hotkey(request: web.Request) -> web.Response:
    refuse_over_tcp(request)
    wanted = decode(await read(request), HotkeyRequest)
    keys = str(parse_hotkey(wanted.hotkey)) if wanted.hotkey else wanted.hotkey
    plugins = request.app[SERVICES].plugins
    await plugins.manage("hotkey", wanted.action, value=keys)
    for action in plugins.actions().actions:
        if action.name == wanted.action:
            return json_reply(action)
    raise ActionNotFound(
        f"The action {wanted.action} is gone again.",
        hint="`hob action list` shows those that there are.",
        param="action",
    )
