"""A chat's body as what is to be run: rewritten by plugins, filled from its profile, planned.

Every route that takes a chat goes this way, so that what is read ahead or counted is what would be
answered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import msgspec
from aiohttp import web

from hob.api.bodies import decode
from hob.api.openai.hob_tools import hob_tools_of
from hob.api.openai.requests import Plan, plan_chat
from hob.api.openai.tool_runs import Toolbox
from hob.api.priority import priority_of
from hob.api.profiled import profiled
from hob.api.services import SERVICES, refuse_over_tcp
from hob.errors import InvalidRequest
from hob.wire.generate import Priority
from hob.wire.openai.requests import ChatCompletionRequest

# Plugins ask under their name, so that none has its own requests to rewrite.
ASKER_HEADER: Final = "X-Hob-Plugin"

# How the client wants to be answered is not for plugins to say.
_CLIENTS_OWN = ("stream", "stream_options")


@dataclass(frozen=True)
class PlannedChat:
    """`toolbox` holds the tools that Hob runs for the answer, if there are any."""

    body: ChatCompletionRequest
    plan: Plan
    toolbox: Toolbox | None


async def planned_chat(
    request: web.Request, raw: bytes, id_: str, priority: Priority | None = None
) -> PlannedChat:
    """`priority` None: as the request says. Raises what makes a request invalid, as the client
    sent it; one that a plugin makes so is not run, and that plugin is told of."""
    services = request.app[SERVICES]
    body = decode(raw, ChatCompletionRequest)
    if body.hob_tools:
        # Plugins do what a token alone must not be able to have done.
        refuse_over_tcp(request)
        await services.plugins.settled()
    planned = _plan(request, body, id_, priority)
    if not services.plugins.rewrites:
        return planned
    given: dict[str, Any] = msgspec.json.decode(raw)

    def check(changed: dict[str, Any]) -> PlannedChat:
        own = {name: given[name] for name in _CLIENTS_OWN if name in given}
        others = {name: value for name, value in changed.items() if name not in _CLIENTS_OWN}
        return _plan(request, decode(_json(others | own), ChatCompletionRequest), id_, priority)

    asker = request.headers.get(ASKER_HEADER, "")
    return await services.plugins.rewrite(given, check, asker=asker) or planned


def _plan(
    request: web.Request, body: ChatCompletionRequest, id_: str, priority: Priority | None
) -> PlannedChat:
    services = request.app[SERVICES]
    body = profiled(services, body)
    tools = hob_tools_of(body.hob_tools, services.plugins.tools().tools) if body.hob_tools else ()
    plan = plan_chat(
        body,
        id_,
        priority or priority_of(request, body.priority or "normal"),
        services.library.resolve_adapter,
        tools,
    )
    names = frozenset(tool.name for tool in tools)
    return PlannedChat(body, plan, Toolbox(services.plugins, names) if names else None)


def _json(value: object) -> bytes:
    try:
        return msgspec.json.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidRequest(f"The request cannot be written as JSON: {error}.") from error
