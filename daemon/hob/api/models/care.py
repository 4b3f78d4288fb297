"""/hob/v1/models/rm, rename, alias, verify and import: what a person does with models."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from typing import Any

import msgspec
from aiohttp import web

from hob.api.bodies import decode
from hob.api.replies import json_reply, open_stream, read
from hob.api.services import SERVICES, checked_name, refuse_over_tcp, refuse_while_stopping
from hob.wire.library import AliasRequest, ImportRequest, RemoveRequest, RenameRequest
from hob.wire.models import ModelRef

routes = web.RouteTableDef()


@routes.post("/hob/v1/models/rm")
async def remove(request: web.Request) -> web.Response:
    asked = decode(await read(request), RemoveRequest)
    care = request.app[SERVICES].care
    return json_reply(await care.remove(checked_name(asked.model), for_good=asked.for_good))


@routes.post("/hob/v1/models/rename")
async def rename(request: web.Request) -> web.Response:
    asked = decode(await read(request), RenameRequest)
    care = request.app[SERVICES].care
    return json_reply(await care.rename(checked_name(asked.model), checked_name(asked.to)))


@routes.post("/hob/v1/models/alias")
async def alias(request: web.Request) -> web.Response:
    asked = decode(await read(request), AliasRequest)
    care = request.app[SERVICES].care
    model = care.alias(checked_name(asked.alias), checked_name(asked.model))
    return json_reply(AliasRequest(alias=asked.alias, model=model))


@routes.post("/hob/v1/models/verify")
async def verify(request: web.Request) -> web.StreamResponse:
    """Events until `done` or `error`; a client that leaves stops it."""
    asked = decode(await read(request), ModelRef)
    care = request.app[SERVICES].care
    return await _stream(request, care.verify(checked_name(asked.model)))


@routes.post("/hob/v1/models/import")
async def take_in(request: web.Request) -> web.StreamResponse:
    """Events until `done` or `error`; a client that leaves stops it. A path is a matter between
    the daemon and its own user, so it is taken over the socket only."""
    refuse_over_tcp(request)
    asked = decode(await read(request), ImportRequest)
    refuse_while_stopping(request.app[SERVICES])
    return await _stream(request, request.app[SERVICES].care.take_in(asked))


async def _stream(request: web.Request, events: AsyncGenerator[Any, None]) -> web.StreamResponse:
    stream = await open_stream(request)
    async with contextlib.aclosing(events):
        async for event in events:
            await stream.send(msgspec.json.encode(event))
    return await stream.finish()
