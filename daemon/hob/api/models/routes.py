"""/hob/v1/models: what is in the folder, and loading, unloading and choosing it."""

from __future__ import annotations

from aiohttp import web

from hob.api.bodies import decode
from hob.api.replies import json_reply, read
from hob.api.services import (
    SERVICES,
    Services,
    checked_name,
    refuse_while_stopping,
    resolve_model,
)
from hob.wire.base import Body
from hob.wire.models import KeepRequest, LoadCancelled, ModelEntry, ModelList, ModelRef

routes = web.RouteTableDef()


class Unloaded(Body, frozen=True):
    model: str
    unloaded: bool = True


@routes.get("/hob/v1/models")
async def listing(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    if request.query.get("rescan", "0") not in ("0", "false", ""):
        await services.library.rescan()
    return json_reply(_list(services))


@routes.post("/hob/v1/models/rescan")
async def rescan(request: web.Request) -> web.Response:
    await read(request)
    services = request.app[SERVICES]
    await services.library.rescan()
    return json_reply(_list(services))


@routes.get("/hob/v1/models/{name:.+}")
async def one(request: web.Request) -> web.Response:
    return json_reply(entry_of(request.app[SERVICES], request.match_info["name"]))


@routes.post("/hob/v1/models/load")
async def load(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    model = await _named(request)
    refuse_while_stopping(services)
    return json_reply(await services.models.load(model))


@routes.post("/hob/v1/models/cancel")
async def cancel(request: web.Request) -> web.Response:
    """End a load; whoever waits for it is told so."""
    model = await _named(request)
    cancelled = await request.app[SERVICES].models.cancel(model)
    return json_reply(LoadCancelled(model=model, cancelled=cancelled))


@routes.post("/hob/v1/models/unload")
async def unload(request: web.Request) -> web.Response:
    model = await _named(request)
    await request.app[SERVICES].models.unload(model)
    return json_reply(Unloaded(model=model))


@routes.post("/hob/v1/models/use")
async def use(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    model = await _named(request)
    refuse_while_stopping(services)
    return json_reply(await services.models.use(model))


@routes.post("/hob/v1/models/keep")
async def keep(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    wanted = decode(await read(request), KeepRequest)
    model = resolve_model(services, wanted.model)
    refuse_while_stopping(services)
    return json_reply(await services.models.keep(model, wanted.for_s))


async def _named(request: web.Request) -> str:
    """The model that the body names, by its full name."""
    asked = decode(await read(request), ModelRef).model
    return resolve_model(request.app[SERVICES], asked)


def _list(services: Services) -> ModelList:
    return ModelList(
        models=tuple(services.models.entries()),
        folder=services.daemon.status().models_folder,
        folders=tuple(map(str, services.library.folders)),
        warnings=tuple(services.library.warnings),
    )


def entry_of(services: Services, name: str) -> ModelEntry:
    """The entry of that very name, a bad file's included, else what `name` stands for."""
    entries = {entry.info.name: entry for entry in services.models.entries()}
    if name in entries:
        return entries[name]
    info = services.library.resolve(checked_name(name))
    return entries.get(info.name) or ModelEntry(info=info, state="available", chosen=False)
