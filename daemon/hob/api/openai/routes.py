"""/v1: models, chat completions and plain completions."""

from __future__ import annotations

import dataclasses
import secrets
import time
from typing import cast, get_args

import msgspec
from aiohttp import web

from hob.api.bodies import decode
from hob.api.openai.answers import answer
from hob.api.openai.chat_format import ChatFormat
from hob.api.openai.requests import Plan, plan_chat, plan_completion
from hob.api.openai.text_format import TextFormat
from hob.api.ports import Library
from hob.api.replies import json_reply, read
from hob.api.services import SERVICES, checked_name, refuse_while_stopping, resolve_model
from hob.errors import InvalidRequest
from hob.wire.generate import AdapterUse, Priority
from hob.wire.models import ModelInfo
from hob.wire.openai.replies import ModelCard, ModelCards
from hob.wire.openai.requests import ChatCompletionRequest, CompletionRequest

routes = web.RouteTableDef()

PRIORITY_HEADER = "X-Hob-Priority"


@routes.get("/v1/models")
async def models(request: web.Request) -> web.Response:
    infos = request.app[SERVICES].library.infos()
    return json_reply(ModelCards(data=tuple(_card(i) for i in infos if i.problem is None)))


@routes.get("/v1/models/{name:.+}")
async def model(request: web.Request) -> web.Response:
    name = checked_name(request.match_info["name"])
    return json_reply(_card(request.app[SERVICES].library.resolve(name)))


@routes.post("/v1/chat/completions")
async def chat(request: web.Request) -> web.StreamResponse:
    services = request.app[SERVICES]
    body = decode(await read(request), ChatCompletionRequest)
    plan = plan_chat(body, f"chatcmpl-{_new_id()}", _priority(request))
    refuse_while_stopping(services)
    name = resolve_model(services, body.model)
    form = ChatFormat(
        id=plan.id,
        created=int(time.time()),
        model=name,
        include_usage=plan.include_usage,
        logprobs=plan.logprobs,
        tools=bool(plan.requests[0].tools),
        functions=bool(body.functions),
    )
    return await answer(request, _with_adapters(plan, services.library), name, form)


@routes.post("/v1/completions")
async def completion(request: web.Request) -> web.StreamResponse:
    services = request.app[SERVICES]
    body = decode(await read(request), CompletionRequest)
    plan = plan_completion(body, f"cmpl-{_new_id()}", _priority(request))
    refuse_while_stopping(services)
    name = resolve_model(services, body.model)
    form = TextFormat(
        id=plan.id,
        created=int(time.time()),
        model=name,
        include_usage=plan.include_usage,
        logprobs=plan.logprobs,
    )
    return await answer(request, _with_adapters(plan, services.library), name, form)


def _new_id() -> str:
    return secrets.token_hex(12)


def _with_adapters(plan: Plan, library: Library) -> Plan:
    """The plan with the files of its adapters in place of their names. Raises ModelNotFound,
    ModelAmbiguous, BadModelFile, or InvalidRequest when one file is named twice."""
    asked = plan.requests[0].adapters
    if not asked:
        return plan
    paths = [library.resolve_adapter(adapter.path) for adapter in asked]
    if len(set(paths)) < len(paths):
        raise InvalidRequest("`lora` names an adapter twice.", param="lora")
    adapters = tuple(
        AdapterUse(path=path, scale=adapter.scale)
        for path, adapter in zip(paths, asked, strict=True)
    )
    requests = tuple(msgspec.structs.replace(item, adapters=adapters) for item in plan.requests)
    return dataclasses.replace(plan, requests=requests)


def _priority(request: web.Request) -> Priority | None:
    """None when the header is absent. Raises InvalidRequest for a priority that there is not."""
    given = request.headers.get(PRIORITY_HEADER)
    if given is None:
        return None
    if given not in get_args(Priority):
        raise InvalidRequest(
            f"{given!r} is not a priority.",
            hint=f"It is one of {', '.join(get_args(Priority))}.",
            param=PRIORITY_HEADER,
        )
    return cast("Priority", given)


def _card(info: ModelInfo) -> ModelCard:
    return ModelCard(id=info.name, created=int(info.modified_at))
