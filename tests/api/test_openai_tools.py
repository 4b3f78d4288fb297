"""Tools: what a model may call, the calls that it has made, and those that it makes."""

from __future__ import annotations

from typing import Any

import pytest

from fakes.ports import Step, delta
from fakes.running_api import RunningApi
from hob.wire.chat import ChatMessage, Tool, ToolCall, ToolChoice
from hob.wire.generate import CallDelta
from hob.wire.openai.messages import MAX_TOOLS

PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}


def _tool(name: str = "weather", **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name} | more}


def _named(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


CALLS: list[Step] = [
    delta("Let me see."),
    delta(calls=(CallDelta(index=0, id="call_1", name="weather"),)),
    delta(calls=(CallDelta(index=0, arguments='{"city":'),)),
    delta(
        calls=(
            CallDelta(index=0, arguments='"Rome"}'),
            CallDelta(index=1, id="call_2", name="time", arguments="{}"),
        )
    ),
    "tool_calls",
]


async def test_tools_reach_the_model(api: RunningApi) -> None:
    tools = [_tool(description="Rain or sun", parameters=PARAMETERS, strict=True), _tool("time")]
    assert (await api.chat(tools=tools)).status == 200
    [request] = api.fakes.models.requests
    assert request.tools == (
        Tool(name="weather", description="Rain or sun", parameters=PARAMETERS),
        Tool(name="time"),
    )
    assert request.tool_choice == ToolChoice()
    assert request.parallel_tool_calls


@pytest.mark.parametrize(
    ("choice", "meant"),
    [
        (None, ToolChoice()),
        ("auto", ToolChoice()),
        ("none", ToolChoice(mode="none")),
        ("required", ToolChoice(mode="required")),
        (_named("weather"), ToolChoice(mode="named", name="weather")),
    ],
)
async def test_the_choice_of_a_tool_reaches_the_model(
    api: RunningApi, choice: Any, meant: ToolChoice
) -> None:
    reply = await api.chat(tools=[_tool()], tool_choice=choice, parallel_tool_calls=False)
    assert reply.status == 200
    [request] = api.fakes.models.requests
    assert request.tool_choice == meant
    assert not request.parallel_tool_calls


@pytest.mark.parametrize(
    ("choice", "meant"),
    [
        ("auto", ToolChoice()),
        ("none", ToolChoice(mode="none")),
        ({"name": "weather"}, ToolChoice(mode="named", name="weather")),
    ],
)
async def test_functions_are_tools_by_their_older_name(
    api: RunningApi, choice: Any, meant: ToolChoice
) -> None:
    functions = [{"name": "weather", "parameters": PARAMETERS}]
    assert (await api.chat(functions=functions, function_call=choice)).status == 200
    [request] = api.fakes.models.requests
    assert request.tools == (Tool(name="weather", parameters=PARAMETERS),)
    assert request.tool_choice == meant
    assert not request.parallel_tool_calls


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": [_tool("a b")]}, "tools"),
        ({"tools": [_tool("")]}, "tools"),
        ({"tools": [_tool("a\n")]}, "tools"),
        ({"tools": [_tool("a" * 65)]}, "tools"),
        ({"tools": [_tool("ä")]}, "tools"),
        ({"tools": [_tool(f"t{n}") for n in range(MAX_TOOLS + 1)]}, "tools"),
        ({"tools": [_tool(), _tool()]}, "tools"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": [_tool(parameters=5)]}, "tools"),
        ({"tools": [_tool(parameters={"a": 2**70})]}, "tools[0].function.parameters"),
        ({"tools": [_tool()], "functions": [{"name": "f"}]}, "functions"),
        ({"functions": [{"name": "f"}, {"name": "f"}]}, "functions"),
        ({"tools": [_tool()], "tool_choice": _named("time")}, "tool_choice"),
        ({"tools": [_tool()], "tool_choice": "perhaps"}, "tool_choice"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"function_call": {"name": "f"}}, "function_call"),
    ],
)
async def test_tools_that_cannot_be_used_are_refused_by_name(
    api: RunningApi, fields: dict[str, Any], param: str
) -> None:
    reply = await api.chat(**fields)
    assert (reply.status, reply.error["code"]) == (400, "invalid_request")
    assert reply.error["param"] == param
    assert not api.fakes.models.requests


async def test_calls_and_their_results_are_part_of_a_conversation(api: RunningApi) -> None:
    called = {"name": "weather", "arguments": '{"city": "Rome"}'}
    messages = [
        {"role": "user", "content": "Rain?"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "call_1", "type": "function", "function": called}],
        },
        {"role": "tool", "tool_call_id": "call_1", "name": "weather", "content": "sun"},
        {"role": "assistant", "function_call": {"name": "time", "arguments": ""}},
        {"role": "function", "name": "time", "content": "noon"},
    ]
    assert (await api.chat(messages=messages)).status == 200
    assert api.fakes.models.requests[0].messages[1:] == (
        ChatMessage(
            role="assistant",
            tool_calls=(ToolCall(id="call_1", name="weather", arguments='{"city": "Rome"}'),),
        ),
        ChatMessage(role="tool", content="sun", tool_call_id="call_1", name="weather"),
        ChatMessage(role="assistant", tool_calls=(ToolCall(name="time", arguments="{}"),)),
        ChatMessage(role="tool", content="noon", name="time"),
    )


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"role": "assistant", "tool_calls": [{"id": "1"}]}, "messages"),
        (
            {"role": "user", "content": "x", "tool_calls": [{"function": {"name": "f"}}]},
            "messages[0].tool_calls[0]",
        ),
        (
            {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{"}}]},
            "messages[0].tool_calls[0].function.arguments",
        ),
        (
            {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "[]"}}]},
            "messages[0].tool_calls[0].function.arguments",
        ),
        ({"role": "assistant", "tool_calls": []}, "messages[0].content"),
    ],
)
async def test_a_call_that_cannot_have_been_made_is_refused_by_name(
    api: RunningApi, message: dict[str, Any], param: str
) -> None:
    reply = await api.chat(messages=[message])
    assert (reply.status, reply.error["param"]) == (400, param)


async def test_calls_come_whole(api: RunningApi) -> None:
    api.fakes.models.steps = list(CALLS)
    [choice] = (await api.chat(tools=[_tool()])).json()["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] == "Let me see."
    assert choice["message"]["tool_calls"] == [
        {
            "id": "call_1",
            "type": "function",
            "function": {"name": "weather", "arguments": '{"city":"Rome"}'},
        },
        {"id": "call_2", "type": "function", "function": {"name": "time", "arguments": "{}"}},
    ]


async def test_a_message_of_calls_alone_has_no_content(api: RunningApi) -> None:
    api.fakes.models.steps = list(CALLS[1:])
    [choice] = (await api.chat(tools=[_tool()])).json()["choices"]
    assert choice["message"]["content"] is None
    *chunks, _ = (await api.chat(tools=[_tool()], stream=True)).events()
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert deltas[0] == {"role": "assistant"}
    assert all("content" not in each for each in deltas)


async def test_calls_are_streamed_as_they_come(api: RunningApi) -> None:
    api.fakes.models.steps = list(CALLS)
    *chunks, done = (await api.chat(tools=[_tool()], stream=True)).events()
    assert done == "[DONE]"
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert deltas[1] == {"content": "Let me see."}
    assert [each["tool_calls"] for each in deltas[2:-1]] == [
        [
            {
                "index": 0,
                "id": "call_1",
                "type": "function",
                "function": {"name": "weather", "arguments": ""},
            }
        ],
        [{"index": 0, "function": {"arguments": '{"city":'}}],
        [
            {"index": 0, "function": {"arguments": '"Rome"}'}},
            {
                "index": 1,
                "id": "call_2",
                "type": "function",
                "function": {"name": "time", "arguments": "{}"},
            },
        ],
    ]


async def test_whoever_asks_with_functions_is_answered_with_a_function_call(
    api: RunningApi,
) -> None:
    api.fakes.models.steps = [*CALLS[1:3], delta(calls=(CallDelta(index=0, arguments="1}"),))]
    api.fakes.models.steps.append("tool_calls")
    functions = [{"name": "weather"}]
    [choice] = (await api.chat(functions=functions)).json()["choices"]
    assert choice["finish_reason"] == "function_call"
    assert choice["message"]["function_call"] == {"name": "weather", "arguments": '{"city":1}'}
    assert "tool_calls" not in choice["message"]
    *chunks, _ = (await api.chat(functions=functions, stream=True)).events()
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert [each["function_call"] for each in deltas[1:-1]] == [
        {"name": "weather", "arguments": ""},
        {"arguments": '{"city":'},
        {"arguments": "1}"},
    ]
    assert chunks[-1]["choices"][0]["finish_reason"] == "function_call"
