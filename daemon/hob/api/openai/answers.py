"""Running a plan and writing its answer, as a stream or whole."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import msgspec
from aiohttp import web

from hob.api.openai.gather import Gathering, likeliest
from hob.api.openai.replies import Format, usage_of
from hob.api.openai.requests import Plan
from hob.api.openai.tool_runs import Shown, Toolbox, ToolRun, run_with_tools
from hob.api.replies import json_reply, open_stream
from hob.api.runs import run_all
from hob.api.services import ADMISSION, SERVICES
from hob.api.sse import EventStream
from hob.errors import Cancelled, ProtocolError
from hob.wire.chat import HobTool
from hob.wire.generate import Delta, Finished, GenerateEvent, Started

_encoder = msgspec.json.Encoder()


async def answer(
    request: web.Request, plan: Plan, model: str, form: Format, toolbox: Toolbox | None = None
) -> web.StreamResponse:
    """The reply to one request; `toolbox` holds the tools that Hob runs for its one answer.

    Raises HobError, also after a stream has begun.
    """
    app = request.app
    models = app[SERVICES].models
    with app[ADMISSION].admit(len(plan.requests)):
        running: _Running
        if toolbox is None:
            running = run_all(models, model, plan.requests, plan.keep_alive)
        else:
            run = ToolRun(models, toolbox, model, plan.requests[0], plan.keep_alive)
            running = run_with_tools(run)
        if plan.stream:
            return await _stream(request, plan, form, running)
        return await _whole(plan, form, running)


_Running = AbstractAsyncContextManager[AsyncIterator[Shown]]


async def _stream(
    request: web.Request, plan: Plan, form: Format, running: _Running
) -> web.StreamResponse:
    """The headers wait for the first event, so that a prompt that does not fit, or a model that
    does not load, is answered with its own HTTP status."""
    stream: EventStream | None = None
    ends: dict[int, Finished] = {}
    async with running as events:
        async for index, event in events:
            stream = stream or await open_stream(request)
            if isinstance(event, Finished):
                ends[index] = _proper(event)
            if (chunk := _chunk(form, index, event)) is not None:
                await stream.send(_encoder.encode(chunk))
    if stream is None or len(ends) < len(plan.requests):
        raise _broke_off()
    if plan.include_usage:
        usage = usage_of(ends, plan.runs_per_prompt)
        await stream.send(_encoder.encode(form.usage(usage)))
    await stream.send(b"[DONE]")
    return await stream.finish()


async def _whole(plan: Plan, form: Format, running: _Running) -> web.Response:
    parts = [Gathering() for _ in plan.requests]
    ends: dict[int, Finished] = {}
    async with running as events:
        async for index, event in events:
            if isinstance(event, Delta):
                parts[index].add(event)
            elif isinstance(event, HobTool):
                parts[index].ran(event)
            elif isinstance(event, Finished):
                ends[index] = _proper(event)
    if len(ends) < len(plan.requests):
        raise _broke_off()
    answers = [part.finish(ends[index]) for index, part in enumerate(parts)]
    best = likeliest(answers, plan.requests, plan.runs_per_prompt, plan.choices_per_prompt)
    return json_reply(form.whole(best, usage_of(ends, plan.runs_per_prompt)))


def _chunk(form: Format, index: int, event: GenerateEvent | HobTool) -> msgspec.Struct | None:
    match event:
        case Started():
            return form.opening(index)
        case Delta():
            return form.more(index, event)
        case HobTool():
            return form.tool(index, event)
        case Finished():
            return form.closing(index, event)


def _proper(end: Finished) -> Finished:
    """The end, unless somebody took the request back: that is no answer. Raises Cancelled."""
    if end.reason == "cancelled":
        raise Cancelled("The answer was taken back before it was complete.", hint="Ask again.")
    return end


def _broke_off() -> ProtocolError:
    return ProtocolError("The model's answer broke off without an end.", hint="Ask again.")
