"""/hob/v1/models/profiles: what is set for models, and models made of others."""

from __future__ import annotations

from aiohttp import web

from hob.api.bodies import decode
from hob.api.replies import json_reply, read
from hob.api.services import SERVICES, checked_name
from hob.wire.profiles import NewProfile, ProfileList

routes = web.RouteTableDef()


@routes.get("/hob/v1/models/profiles")
async def listing(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    if request.query.get("rescan", "0") not in ("0", "false", ""):
        await services.library.rescan()
    return json_reply(ProfileList(profiles=tuple(services.profiles.profiles())))


@routes.post("/hob/v1/models/profiles/new")
async def new(request: web.Request) -> web.Response:
    """Write a file for a profile; its path comes back with it."""
    services = request.app[SERVICES]
    wanted = decode(await read(request), NewProfile)
    checked_name(wanted.name)
    return json_reply(await services.profiles.create(wanted))
