"""/hob/v1: the daemon itself, its TCP listener and the listener's token."""

from __future__ import annotations

import msgspec
from aiohttp import web

from hob.api.bodies import decode
from hob.api.replies import json_reply, read
from hob.api.services import SERVICES, refuse_over_tcp
from hob.errors import InvalidRequest
from hob.wire.base import Body
from hob.wire.status import StopRequest, TcpRequest

routes = web.RouteTableDef()

_LAST_PORT = 65_535


class Stopping(Body, frozen=True):
    stopping: bool = True


@routes.get("/hob/v1/status")
async def status(request: web.Request) -> web.Response:
    return json_reply(request.app[SERVICES].daemon.status())


@routes.post("/hob/v1/stop")
async def stop(request: web.Request) -> web.Response:
    refuse_over_tcp(request)
    if body := await read(request):
        decode(body, StopRequest)
    request.app[SERVICES].daemon.request_stop()
    return json_reply(Stopping())


@routes.get("/hob/v1/api")
async def api_status(request: web.Request) -> web.Response:
    return json_reply(request.app[SERVICES].access.status())


@routes.post("/hob/v1/api")
async def api_change(request: web.Request) -> web.Response:
    refuse_over_tcp(request)
    wanted = decode(await read(request), TcpRequest)
    access = request.app[SERVICES].access
    if not wanted.enabled:
        return json_reply(await access.disable())
    if wanted.port is not None and not 1 <= wanted.port <= _LAST_PORT:
        raise InvalidRequest(
            f"{wanted.port} is not a TCP port.",
            hint=f"Choose one from 1 to {_LAST_PORT}.",
            param="port",
        )
    return json_reply(await access.enable(wanted.port, wanted.allow_file))


@routes.get("/hob/v1/token")
async def token(request: web.Request) -> web.Response:
    refuse_over_tcp(request)
    return _secret(await request.app[SERVICES].access.token())


@routes.post("/hob/v1/token/rotate")
async def rotate(request: web.Request) -> web.Response:
    refuse_over_tcp(request)
    await read(request)
    return _secret(await request.app[SERVICES].access.token(rotate=True))


def _secret(value: msgspec.Struct) -> web.Response:
    reply = json_reply(value)
    reply.headers["Cache-Control"] = "no-store"
    return reply
