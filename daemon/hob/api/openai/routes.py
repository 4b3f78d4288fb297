"""/v1: models, chat completions and plain completions."""

from __future__ import annotations

import secrets
import time

from aiohttp import web
from msgspec import UNSET

from hob.api.bodies import decode
from hob.api.openai.answers import answer
from hob.api.openai.chat_format import ChatFormat
from hob.api.openai.planned import planned_chat
from hob.api.openai.requests import Plan, plan_completion
from hob.api.openai.text_format import TextFormat
from hob.api.priority import priority_of
from hob.api.profiled import profiled
from hob.api.replies import json_reply, read
from hob.api.services import SERVICES, checked_name, refuse_while_stopping, resolve_model
from hob.wire.models import ModelInfo
from hob.wire.openai.replies import ModelCard, ModelCards
from hob.wire.openai.requests import CompletionRequest

routes = web.RouteTableDef()


@routes.get("/v1/models")
async def models(request: web.Request) -> web.Response:
    infos = request.app[SERVICES].library.infos()
    return json_reply(ModelCards(data=tuple(_card(i) for i in infos if i.problem is None)))


@routes.get("/v1/models/{name:.+}")
async def model(request: web.Request) -> web.Response:
    name = checked_name(request.match_info["name"])
    return json_reply(_card(request.app[SERVICES].library.resolve(name)))


@routes.post("/v1/chat/completions")
async def chat_completion(request: web.Request) -> web.StreamResponse:
    services = request.app[SERVICES]
    chat = await planned_chat(request, await read(request), f"chatcmpl-{_new_id()}")
    plan = chat.plan
    refuse_while_stopping(services)
    name = resolve_model(services, chat.body.model)
    form = ChatFormat(
        id=plan.id,
        created=int(time.time()),
        model=name,
        include_usage=plan.include_usage,
        logprobs=plan.logprobs,
        tools=bool(plan.requests[0].tools),
        functions=bool(chat.body.functions),
    )
    return await answer(request, plan, name, form, chat.toolbox)


@routes.post("/v1/completions")
async def completion(request: web.Request) -> web.StreamResponse:
    services = request.app[SERVICES]
    body = profiled(services, decode(await read(request), CompletionRequest))
    priority = priority_of(request, body.priority or "normal")
    adapter = services.library.resolve_adapter
    plan = plan_completion(body, f"cmpl-{_new_id()}", priority, adapter)
    refuse_while_stopping(services)
    name = resolve_model(services, body.model)
    form = text_format(plan, name)
    return await answer(request, plan, name, form)


def text_format(plan: Plan, model: str) -> TextFormat:
    """How a plain completion is written, whatever route asked for it."""
    return TextFormat(
        id=plan.id,
        created=int(time.time()),
        model=model,
        include_usage=plan.include_usage,
        logprobs=plan.logprobs,
    )


def _new_id() -> str:
    return secrets.token_hex(12)


def _card(info: ModelInfo) -> ModelCard:
    parent = info.base or UNSET
    return ModelCard(id=info.name, created=int(info.modified_at), parent=parent)
