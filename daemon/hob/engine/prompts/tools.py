"""The tools of a request, and whether they can be called as it asks."""

from __future__ import annotations

import re

from hob.errors import InvalidRequest
from hob.wire.chat import Tool
from hob.wire.generate import GenerateRequest

MAX_TOOLS = 256
# Names stand in the middle of every format's marks, which must stay recognizable.
_NAME = re.compile(r"[A-Za-z0-9_.:/-]{1,128}")


def callable_tools(request: GenerateRequest) -> tuple[Tool, ...]:
    """Those that the answer may call."""
    choice = request.tool_choice
    if choice.mode == "none":
        return ()
    if choice.mode == "named":
        return tuple(tool for tool in request.tools if tool.name == choice.name)
    return request.tools


def must_call(request: GenerateRequest) -> bool:
    return request.tool_choice.mode in ("required", "named")


def check_tools(request: GenerateRequest) -> None:
    """Raises InvalidRequest when the tools cannot be offered, or not chosen from as it asks."""
    names = [tool.name for tool in request.tools]
    if len(names) > MAX_TOOLS:
        raise InvalidRequest(
            f"There are {len(names)} tools, and at most {MAX_TOOLS} can be offered.",
            hint="Send those that this conversation needs.",
            param="tools",
        )
    for name in names:
        if not _NAME.fullmatch(name) or names.count(name) > 1:
            raise InvalidRequest(
                f"The tool name {name[:128]!r} is not usable, or two tools have it.",
                hint="Names have 1 to 128 letters, digits and the characters _ . : / -",
                param="tools",
            )
    if must_call(request):
        _check_choice(request)


def _check_choice(request: GenerateRequest) -> None:
    if not request.messages:
        raise InvalidRequest(
            "Tools can only be called in a chat, and this request continues a prompt.",
            hint="Send messages, or leave tool_choice out.",
            param="tool_choice",
        )
    if not callable_tools(request):
        name = request.tool_choice.name
        raise InvalidRequest(
            f"There is no tool {name!r} to call." if name else "There is no tool to call.",
            hint="Name one of the request's tools.",
            param="tool_choice",
        )
    if request.constraint is not None:
        raise InvalidRequest(
            "An answer cannot be a tool call and keep to a response format as well.",
            hint="Leave out either the response format or the tool_choice.",
            param="tool_choice",
        )
