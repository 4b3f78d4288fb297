"""/hob/v1/models/pull, pulls and search: downloads, and what the hub offers.

Its listing is registered before /hob/v1/models/{name}, which would take it for a model.
"""

from __future__ import annotations

from aiohttp import web

from hob.api.bodies import decode
from hob.api.replies import json_reply, read, stream_events
from hob.api.services import SERVICES, refuse_while_stopping
from hob.wire.pulls import PullCancel, PullList, PullRef, PullRequest, SearchRequest

routes = web.RouteTableDef()


@routes.post("/hob/v1/models/pull")
async def pull(request: web.Request) -> web.StreamResponse:
    """Events until `done` or `error`; a client that leaves stops the download. With `detach` it
    goes on, and the reply is its entry."""
    services = request.app[SERVICES]
    wanted = decode(await read(request), PullRequest)
    refuse_while_stopping(services)
    if wanted.detach:
        return json_reply(await services.pulls.start(wanted.source))
    return await stream_events(request, services.pulls.pull(wanted.source))


@routes.get("/hob/v1/models/pulls")
async def listing(request: web.Request) -> web.Response:
    return json_reply(PullList(pulls=tuple(request.app[SERVICES].pulls.entries())))


@routes.post("/hob/v1/models/pulls/cancel")
async def cancel(request: web.Request) -> web.Response:
    wanted = decode(await read(request), PullCancel)
    return json_reply(await request.app[SERVICES].pulls.cancel(wanted.id, wanted.discard))


@routes.post("/hob/v1/models/pulls/resume")
async def resume(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    wanted = decode(await read(request), PullRef)
    refuse_while_stopping(services)
    return json_reply(await services.pulls.resume(wanted.id))


@routes.post("/hob/v1/models/search")
async def search(request: web.Request) -> web.Response:
    wanted = decode(await read(request), SearchRequest)
    return json_reply(await request.app[SERVICES].pulls.search(wanted.text, wanted.limit))
