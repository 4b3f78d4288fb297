"""/hob/v1: what is done with text besides answering it: tokens, templates, reading ahead, filling
in."""

from __future__ import annotations

import dataclasses
import secrets

import msgspec
from aiohttp import web

from hob.api.bodies import decode
from hob.api.keep_alive import keep_alive_of
from hob.api.openai.answers import answer
from hob.api.openai.planned import planned_chat
from hob.api.openai.requests import Plan, plan_completion
from hob.api.openai.routes import text_format
from hob.api.priority import priority_of
from hob.api.profiled import profiled
from hob.api.replies import json_reply, read
from hob.api.services import ADMISSION, SERVICES, refuse_while_stopping, resolve_model
from hob.errors import InvalidRequest, ProtocolError
from hob.wire.base import Value
from hob.wire.calls import (
    Call,
    CallResult,
    Detokenize,
    PlainText,
    Prefill,
    Prefilled,
    Render,
    Rendered,
    Tokenize,
    Tokens,
)
from hob.wire.generate import GenerateRequest, Priority
from hob.wire.openai.requests import ChatCompletionRequest, CompletionRequest
from hob.wire.text import (
    CountReply,
    DetokenizeReply,
    DetokenizeRequest,
    InfillRequest,
    PrefillOptions,
    PrefillReply,
    TemplateReply,
    TokenizeReply,
    TokenizeRequest,
)

routes = web.RouteTableDef()

_NULL = msgspec.Raw(b"null")


class _Shape(Value, frozen=True):
    """What tells a chat's body from a completion's; read no further."""

    messages: msgspec.Raw = _NULL


@routes.post("/hob/v1/prefill")
async def prefill(request: web.Request) -> web.Response:
    """Read a prompt into the cache; a client that leaves stops it."""
    body = await read(request)
    priority = decode(body, PrefillOptions).priority
    model, prompt, keep_alive = await _prompt(request, body, priority)
    call = Prefill(id=prompt.id, priority=priority, request=prompt)
    match await _ask(request, model, call, keep_alive):
        case Prefilled(prompt_tokens=prompt_tokens, cached_tokens=cached_tokens):
            return json_reply(
                PrefillReply(model=model, prompt_tokens=prompt_tokens, cached_tokens=cached_tokens)
            )
        case other:
            raise _not_asked_for(other)


@routes.post("/hob/v1/tokenize")
async def tokenize(request: web.Request) -> web.Response:
    asked = decode(await read(request), TokenizeRequest)
    model = resolve_model(request.app[SERVICES], asked.model)
    keep_alive = keep_alive_of(asked.keep_alive)
    call = Tokenize(
        id=_new_id("tok"),
        text=asked.text,
        add_special=asked.add_special,
        parse_special=asked.parse_special,
    )
    match await _ask(request, model, call, keep_alive):
        case Tokens(tokens=tokens, pieces=pieces):
            told = tuple(map(_piece, pieces)) if asked.with_pieces else msgspec.UNSET
            return json_reply(TokenizeReply(tokens=tokens, count=len(tokens), pieces=told))
        case other:
            raise _not_asked_for(other)


@routes.post("/hob/v1/detokenize")
async def detokenize(request: web.Request) -> web.Response:
    asked = decode(await read(request), DetokenizeRequest)
    model = resolve_model(request.app[SERVICES], asked.model)
    call = Detokenize(id=_new_id("detok"), tokens=tuple(asked.tokens))
    match await _ask(request, model, call, keep_alive_of(asked.keep_alive)):
        case PlainText(text=text):
            return json_reply(DetokenizeReply(text=text))
        case other:
            raise _not_asked_for(other)


@routes.post("/hob/v1/apply-template")
async def apply_template(request: web.Request) -> web.Response:
    """A chat as the prompt that the model would read."""
    rendered = await _rendered(request, await read(request), chat_only=True)
    return json_reply(TemplateReply(prompt=rendered.text, tokens=len(rendered.tokens)))


@routes.post("/hob/v1/count-tokens")
async def count_tokens(request: web.Request) -> web.Response:
    rendered = await _rendered(request, await read(request), chat_only=False)
    return json_reply(CountReply(tokens=len(rendered.tokens)))


@routes.post("/hob/v1/infill")
async def infill(request: web.Request) -> web.StreamResponse:
    """What stands between two texts; the reply is a completion's."""
    services = request.app[SERVICES]
    body = profiled(services, decode(await read(request), InfillRequest))
    plain = msgspec.structs.replace(body, prompt=body.prefix, suffix="")
    priority = priority_of(request, body.priority or "normal")
    adapter = services.library.resolve_adapter
    plan = plan_completion(plain, _new_id("infill"), priority, adapter)
    refuse_while_stopping(services)
    name = resolve_model(services, body.model)
    form = text_format(plan, name)
    return await answer(request, _with_suffix(plan, body.suffix), name, form)


def _with_suffix(plan: Plan, suffix: str) -> Plan:
    requests = tuple(msgspec.structs.replace(asked, suffix=suffix) for asked in plan.requests)
    return dataclasses.replace(plan, requests=requests)


async def _rendered(request: web.Request, body: bytes, *, chat_only: bool) -> Rendered:
    model, prompt, keep_alive = await _prompt(request, body, "normal", chat_only=chat_only)
    result = await _ask(request, model, Render(id=prompt.id, request=prompt), keep_alive)
    if not isinstance(result, Rendered):
        raise _not_asked_for(result)
    return result


async def _prompt(
    request: web.Request, body: bytes, priority: Priority, *, chat_only: bool = False
) -> tuple[str, GenerateRequest, float | None]:
    """The model, the request that a chat's or a completion's body asks for, and `keep_alive`.

    Raises InvalidRequest, also for several prompts at once.
    """
    services = request.app[SERVICES]
    id_ = _new_id("prompt")
    parsed: ChatCompletionRequest | CompletionRequest
    if chat_only or decode(body, _Shape).messages != _NULL:
        chat = await planned_chat(request, body, id_, priority)
        parsed, plan = chat.body, chat.plan
    else:
        parsed = profiled(services, decode(body, CompletionRequest))
        plan = plan_completion(parsed, id_, priority, services.library.resolve_adapter)
    if len(plan.requests) > plan.runs_per_prompt:
        raise InvalidRequest(
            f"There are {len(plan.requests) // plan.runs_per_prompt} prompts, and only one is"
            " read at a time.",
            hint="Send one request for each.",
            param="prompt",
        )
    model = resolve_model(services, parsed.model)
    return model, msgspec.structs.replace(plan.requests[0], id=id_), plan.keep_alive


async def _ask(
    request: web.Request, model: str, call: Call, keep_alive: float | None
) -> CallResult:
    services = request.app[SERVICES]
    refuse_while_stopping(services)
    with request.app[ADMISSION].admit(1):
        return await services.models.call(model, call, keep_alive=keep_alive)


def _piece(piece: bytes) -> str | tuple[int, ...]:
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return tuple(piece)


def _new_id(what: str) -> str:
    return f"{what}-{secrets.token_hex(12)}"


def _not_asked_for(result: CallResult) -> ProtocolError:
    return ProtocolError(
        f"The model's process returned {type(result).__name__}, which was not asked for.",
        hint="Restart Hob with `hob restart`.",
    )
