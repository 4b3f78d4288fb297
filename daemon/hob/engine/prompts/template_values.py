"""What a request tells a chat template besides the conversation."""

from __future__ import annotations

from typing import Any

from hob.errors import InvalidRequest
from hob.wire.chat import Reasoning, Tool
from hob.wire.generate import GenerateRequest

# What a template gets from us alone.
_RESERVED = frozenset(
    {
        "messages",
        "tools",
        "xml_tools",
        "bos_token",
        "eos_token",
        "add_generation_prompt",
        "strftime_now",
        "raise_exception",
    }
)


def offered_tools(request: GenerateRequest) -> tuple[Tool, ...]:
    """The tools that the model is told of: none when it must not call any."""
    return request.tools if request.tool_choice.mode != "none" else ()


def values_of(request: GenerateRequest) -> dict[str, Any]:
    """What the request tells the template besides the conversation.

    Raises InvalidRequest for a value that is not the client's to give.
    """
    if reserved := _RESERVED & request.template_values.keys():
        raise InvalidRequest(
            f"The template value {min(reserved)!r} is set by Hob.",
            hint="Leave it out of the template's values.",
            param="template_values",
        )
    return {**_reasoning_values(request.reasoning), **request.template_values}


def _reasoning_values(reasoning: Reasoning) -> dict[str, Any]:
    """Templates know it by these names, and have defaults of their own for what is not given."""
    values: dict[str, Any] = {}
    enabled = reasoning.enabled
    if reasoning.effort is not None:
        values["reasoning_effort"] = reasoning.effort
        enabled = reasoning.effort != "none" if enabled is None else enabled
    if enabled is not None:
        values["enable_thinking"] = values["thinking"] = enabled
    return values


def thinking_asked(request: GenerateRequest, *, default: bool) -> bool:
    """Whether the template is told to make the model think."""
    values = values_of(request)
    return bool(values.get("enable_thinking", values.get("thinking", default)))
