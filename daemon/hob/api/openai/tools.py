"""The tools of a request and which of them may be called. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from hob.api.openai.free_values import check_free
from hob.errors import InvalidRequest, UnsupportedParameter
from hob.wire.chat import Tool, ToolChoice
from hob.wire.constraint import MAX_GRAMMAR_CHARS
from hob.wire.openai.messages import (
    MAX_TOOLS,
    FunctionDefinition,
    NamedFunction,
    NamedTool,
    ToolDefinition,
)
from hob.wire.openai.requests import ChatCompletionRequest


def tools_of(body: ChatCompletionRequest) -> tuple[Tool, ...]:
    """Raises InvalidRequest or UnsupportedParameter."""
    if body.tools and body.functions:
        raise InvalidRequest(
            "`functions` is the older name of `tools`, and both are given.",
            hint="Leave `functions` out.",
            param="functions",
        )
    tools = [_tool(item, f"tools[{number}]") for number, item in enumerate(body.tools or ())]
    tools += [
        _function(item, f"functions[{number}]") for number, item in enumerate(body.functions or ())
    ]
    names = [tool.name for tool in tools]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise InvalidRequest(
            f"Two tools have the name {twice!r}.",
            hint="Give each its own.",
            param="tools" if body.tools else "functions",
        )
    return tuple(tools)


def with_hob_tools(
    body: ChatCompletionRequest, tools: tuple[Tool, ...], hob_tools: Sequence[Tool]
) -> tuple[Tool, ...]:
    """The client's tools and those of plugins. Raises InvalidRequest."""
    if not hob_tools:
        return tools
    if (body.n or 1) > 1:
        raise InvalidRequest(
            "`hob_tools` run while one answer is made, and `n` asks for several.",
            hint="Leave `n` out, or send several requests.",
            param="n",
        )
    if body.functions:
        raise InvalidRequest(
            "`functions`, the older form of `tools`, does not go together with `hob_tools`.",
            hint="Write `tools`.",
            param="functions",
        )
    names = {tool.name for tool in tools}
    if twice := next((tool.name for tool in hob_tools if tool.name in names), ""):
        raise InvalidRequest(
            f"`tools` and `hob_tools` both have a tool of the name {twice!r}.",
            hint="Name the tools of plugins one by one, or give yours another name.",
            param="hob_tools",
        )
    if len(tools) + len(hob_tools) > MAX_TOOLS:
        raise InvalidRequest(
            f"With those of plugins there are more than {MAX_TOOLS} tools.",
            hint="Name the tools of plugins one by one.",
            param="hob_tools",
        )
    return (*tools, *hob_tools)


def choice_of(body: ChatCompletionRequest, tools: Sequence[Tool]) -> ToolChoice:
    """Raises InvalidRequest when the choice fits no tool, and UnsupportedParameter."""
    given = body.tool_choice
    if given is None:
        return _choice(body.function_call, tools, "function_call")
    if isinstance(given, NamedTool):
        if given.type != "function" or given.function is None:
            raise UnsupportedParameter(
                f"`tool_choice` is of type {given.type[:40]!r}, which this version of Hob does "
                "not do.",
                hint='Name a function: {"type": "function", "function": {"name": ...}}.',
                param="tool_choice",
            )
        return _choice(given.function, tools, "tool_choice")
    return _choice(given, tools, "tool_choice")


def _choice(given: str | NamedFunction | None, tools: Sequence[Tool], where: str) -> ToolChoice:
    if isinstance(given, NamedFunction):
        if all(tool.name != given.name for tool in tools):
            raise InvalidRequest(
                f"`{where}` names {given.name[:64]!r}, and there is no such tool in the request.",
                param=where,
            )
        return ToolChoice(mode="named", name=given.name)
    if given == "required" and not tools:
        raise InvalidRequest(
            f"`{where}` requires a call, and the request has no tools.", param=where
        )
    if given == "required":
        return ToolChoice(mode="required")
    return ToolChoice(mode="none") if given == "none" else ToolChoice()


def _tool(given: ToolDefinition, where: str) -> Tool:
    if given.type != "function":
        raise UnsupportedParameter(
            f"A tool is of type {given.type[:40]!r}; this version of Hob does functions only.",
            hint='Send tools of type "function".',
            param=f"{where}.type",
        )
    if given.function is None:
        raise InvalidRequest("A tool has no `function`.", param=f"{where}.function")
    return _function(given.function, f"{where}.function")


def _function(given: FunctionDefinition, where: str) -> Tool:
    parameters = given.parameters or {}
    check_free(parameters, f"{where}.parameters", MAX_GRAMMAR_CHARS)
    return Tool(name=given.name, description=given.description or "", parameters=parameters)
