"""All texts of a request that a chat template sees and that are not ours: what a client, a
document or a tool has written."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec

from hob.errors import InvalidRequest
from hob.wire.chat import ChatMessage, Tool, ToolCall
from hob.wire.generate import GenerateRequest

MAX_DEPTH = 64

TextFunction = Callable[[str], str]


def map_texts(function: TextFunction, request: GenerateRequest) -> GenerateRequest:
    """The request with `function` applied to each text in its messages, tools and template values.

    Raises InvalidRequest when they are nested too deeply.
    """
    return msgspec.structs.replace(
        request,
        messages=tuple(map_message(function, message) for message in request.messages),
        tools=tuple(_tool(function, tool) for tool in request.tools),
        template_values=map_value(function, request.template_values),
    )


def client_texts(request: GenerateRequest) -> list[str]:
    """Each of these texts."""
    texts: list[str] = []

    def note(text: str) -> str:
        texts.append(text)
        return text

    map_texts(note, request)
    return texts


def map_message(function: TextFunction, message: ChatMessage) -> ChatMessage:
    return msgspec.structs.replace(
        message,
        content=function(message.content),
        reasoning=function(message.reasoning),
        tool_calls=tuple(_call(function, call) for call in message.tool_calls),
        tool_call_id=function(message.tool_call_id),
        name=function(message.name),
    )


def _call(function: TextFunction, call: ToolCall) -> ToolCall:
    return ToolCall(
        id=function(call.id),
        name=function(call.name),
        arguments=_arguments(function, call.arguments),
    )


def _arguments(function: TextFunction, text: str) -> str:
    """Templates see the arguments decoded, where a text may be written with escapes; unless
    `function` changes something in them, they stay letter for letter as they are."""
    value = decode_arguments(text)
    if value is None:
        return function(text)
    mapped = map_value(function, value)
    return text if mapped == value else json.dumps(mapped, ensure_ascii=False)


def decode_arguments(text: str) -> dict[str, Any] | None:
    """The arguments of a call; None when they are no JSON object, as models sometimes write."""
    try:
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _tool(function: TextFunction, tool: Tool) -> Tool:
    return Tool(
        name=function(tool.name),
        description=function(tool.description),
        parameters=map_value(function, tool.parameters),
    )


def map_value(function: TextFunction, value: Any, depth: int = MAX_DEPTH) -> Any:  # noqa: ANN401
    """A JSON value with `function` applied to its texts, keys included."""
    if depth == 0:
        raise InvalidRequest(
            f"The tools or other values are nested more than {MAX_DEPTH} levels deep.",
            hint="Send flatter JSON.",
        )
    match value:
        case str():
            return function(value)
        case dict():
            return {
                function(key): map_value(function, item, depth - 1) for key, item in value.items()
            }
        case list() | tuple():
            return [map_value(function, item, depth - 1) for item in value]
    return value
