"""/hob/v1/models/rm, rename, alias, verify and import."""

from __future__ import annotations

from aiohttp import web

from hob.api.bodies import decode
from hob.api.replies import json_reply, read, stream_events
from hob.api.services import (
    SERVICES,
    checked_name,
    refuse_over_tcp,
    refuse_while_stopping,
)
from hob.wire.library import (
    AliasRequest,
    ImportRequest,
    RemoveRequest,
    RenameRequest,
    VerifyRequest,
)
from hob.wire.models import ModelRef

routes = web.RouteTableDef()


@routes.post("/hob/v1/models/rm")
async def remove(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    wanted = decode(await read(request), RemoveRequest)
    refuse_while_stopping(services)
    name = checked_name(wanted.model)
    return json_reply(await services.care.remove(name, for_good=wanted.for_good))


@routes.post("/hob/v1/models/rename")
async def rename(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    wanted = decode(await read(request), RenameRequest)
    refuse_while_stopping(services)
    return json_reply(await services.care.rename(checked_name(wanted.model), wanted.to))


@routes.post("/hob/v1/models/alias")
async def alias(request: web.Request) -> web.Response:
    """The reply names the model; it is empty when the alias was taken away."""
    services = request.app[SERVICES]
    wanted = decode(await read(request), AliasRequest)
    refuse_while_stopping(services)
    name = await services.care.alias(wanted.alias, checked_name(wanted.model))
    return json_reply(ModelRef(model=name))


@routes.post("/hob/v1/models/verify")
async def verify(request: web.Request) -> web.StreamResponse:
    """Events until `done` or `error`; a client that leaves stops it."""
    services = request.app[SERVICES]
    wanted = decode(await read(request), VerifyRequest)
    refuse_while_stopping(services)
    events = services.care.verify(checked_name(wanted.model), online=wanted.online)
    return await stream_events(request, events)


@routes.post("/hob/v1/models/import")
async def take_in(request: web.Request) -> web.StreamResponse:
    """Events until `done` or `error`; a client that leaves stops it, and the copy is removed.

    Over TCP there may be a reader of another user behind a token, who must not have the daemon
    read or move files by their paths.
    """
    services = request.app[SERVICES]
    refuse_over_tcp(request)
    wanted = decode(await read(request), ImportRequest)
    refuse_while_stopping(services)
    return await stream_events(request, services.care.take_in(wanted))
