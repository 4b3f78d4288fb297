"""Tools of plugins that Hob runs for the model: `hob_tools` of a chat."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from fakes.ports import Step, delta, finished
from fakes.running_api import RunningApi
from hob.api.openai.tool_runs import MAX_CALLS, MAX_RESULT_BYTES, MAX_ROUNDS, bounded
from hob.errors import PluginBroken
from hob.wire.calls import Tokenize, Tokens
from hob.wire.chat import ChatMessage, Tool, ToolCall, ToolChoice
from hob.wire.generate import CallDelta
from hob.wire.plugins import ToolInfo

WEATHER = ToolInfo(
    name="weather", plugin="sky", help="Rain or sun.", parameters='{"type":"object"}'
)
TIME = ToolInfo(name="time", plugin="clock", help="What time it is.", parameters="{}")
OWN = {"type": "function", "function": {"name": "mine"}}
Run = Callable[[str, str], Awaitable[str]]


def call(name: str, arguments: str = "{}", index: int = 0) -> Step:
    return delta(calls=(CallDelta(index=index, id=f"c{index}", name=name, arguments=arguments),))


async def says_where(name: str, arguments: str) -> str:
    return f"{name} of {arguments}"


@pytest.fixture(autouse=True)
def two_tools(api: RunningApi) -> None:
    api.fakes.plugins.offered = [WEATHER, TIME]
    run_by(api, says_where)


def run_by(api: RunningApi, run: Run) -> None:
    """What the tools do from now on."""
    api.fakes.plugins.tool = run


def rounds(api: RunningApi, *steps: list[Step]) -> None:
    """What the model says, round by round."""
    api.fakes.models.steps_of = dict(enumerate(steps))


TWO_ROUNDS: tuple[list[Step], list[Step]] = (
    ["Let me see.", call("weather", '{"city":"Rome"}'), "tool_calls"],
    ["It is ", "sunny."],
)


# ---- the rounds ----


async def test_the_model_is_told_of_the_tools_and_of_what_they_say(api: RunningApi) -> None:
    rounds(api, *TWO_ROUNDS)
    reply = await api.chat(hob_tools=["weather"])
    assert reply.status == 200
    first, second = api.fakes.models.requests
    assert first.tools == (
        Tool(name="weather", description="Rain or sun.", parameters={"type": "object"}),
    )
    assert second.tools == first.tools
    assert second.id != first.id
    asked, called, told = second.messages
    assert (asked,) == first.messages
    assert called == ChatMessage(
        role="assistant",
        content="Let me see.",
        tool_calls=(ToolCall(id="c0", name="weather", arguments='{"city":"Rome"}'),),
    )
    assert told == ChatMessage(
        role="tool", content='weather of {"city":"Rome"}', tool_call_id="c0", name="weather"
    )


async def test_all_rounds_are_one_answer_and_their_tokens_add_up(api: RunningApi) -> None:
    rounds(api, *TWO_ROUNDS)
    answer = (await api.chat(hob_tools="all")).json()
    [choice] = answer["choices"]
    assert choice["finish_reason"] == "stop"
    assert choice["message"]["content"] == "Let me see.\n\nIt is sunny."
    assert "tool_calls" not in choice["message"]
    assert choice["message"]["hob_tools"] == [
        {
            "id": "c0",
            "name": "weather",
            "arguments": '{"city":"Rome"}',
            "result": 'weather of {"city":"Rome"}',
        }
    ]
    one = finished("x", 2).usage
    assert answer["usage"]["prompt_tokens"] == 2 * one.prompt_tokens
    assert answer["usage"]["completion_tokens"] == 4
    assert answer["timings"]["prefill_s"] == 0.5


async def test_a_stream_shows_each_call_and_its_result_between_the_texts(api: RunningApi) -> None:
    rounds(api, *TWO_ROUNDS)
    *chunks, done = (await api.chat(hob_tools="all", stream=True)).events()
    assert done == "[DONE]"
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    called = {"id": "c0", "name": "weather", "arguments": '{"city":"Rome"}'}
    assert deltas == [
        {"role": "assistant"},
        {"content": "Let me see."},
        {"hob_tool": called},
        {"hob_tool": called | {"result": 'weather of {"city":"Rome"}'}},
        {"content": "\n\nIt is "},
        {"content": "sunny."},
        {},
    ]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None] * 6 + ["stop"]


async def test_several_calls_of_a_round_run_in_their_order(api: RunningApi) -> None:
    rounds(api, [call("time"), call("weather", index=1), "tool_calls"], ["Done."])
    [choice] = (await api.chat(hob_tools="all")).json()["choices"]
    assert [tool["name"] for tool in choice["message"]["hob_tools"]] == ["time", "weather"]
    assert [m.name for m in api.fakes.models.requests[1].messages] == ["", "", "time", "weather"]


async def test_without_a_call_there_is_one_round(api: RunningApi) -> None:
    [choice] = (await api.chat(hob_tools="all")).json()["choices"]
    assert choice["message"]["content"] == "Hello world"
    assert "hob_tools" not in choice["message"]
    assert len(api.fakes.models.requests) == 1


async def test_whoever_must_call_something_must_do_so_once(api: RunningApi) -> None:
    rounds(api, *TWO_ROUNDS)
    assert (await api.chat(hob_tools="all", tool_choice="required")).status == 200
    first, second = api.fakes.models.requests
    assert first.tool_choice == ToolChoice(mode="required")
    assert second.tool_choice == ToolChoice()


async def test_a_model_that_only_ever_calls_is_made_to_answer(api: RunningApi) -> None:
    rounds(api, *([call("time"), "tool_calls"] for _ in range(MAX_ROUNDS - 1)), ["At last."])
    [choice] = (await api.chat(hob_tools="all")).json()["choices"]
    assert choice["message"]["content"] == "At last."
    modes = [request.tool_choice.mode for request in api.fakes.models.requests]
    assert modes == ["auto"] * (MAX_ROUNDS - 1) + ["none"]


async def test_a_model_that_calls_without_end_is_refused_the_rest(api: RunningApi) -> None:
    many = [call("time", index=number) for number in range(MAX_CALLS + 1)]
    rounds(api, [*many, "tool_calls"], ["Enough."])
    [choice] = (await api.chat(hob_tools="all")).json()["choices"]
    *ran, refused = choice["message"]["hob_tools"]
    assert not any(tool.get("failed") for tool in ran)
    assert refused["failed"]
    assert str(MAX_CALLS) in refused["result"]


async def test_calls_that_a_limit_has_cut_off_are_not_run(api: RunningApi) -> None:
    rounds(api, [call("time", '{"zone":'), "length"])
    [choice] = (await api.chat(hob_tools="all")).json()["choices"]
    assert choice["finish_reason"] == "length"
    assert "hob_tools" not in choice["message"]
    assert len(api.fakes.models.requests) == 1


async def test_the_model_stays_for_its_tools_and_no_longer_than_is_asked(api: RunningApi) -> None:
    rounds(api, *TWO_ROUNDS)
    api.fakes.models.results = [Tokens(tokens=(), pieces=())]
    assert (await api.chat(hob_tools="all", keep_alive=0)).status == 200
    *during, after = api.fakes.models.kept
    assert all(kept and kept > 60 for kept in during)
    assert after == 0
    assert isinstance(api.fakes.models.calls[-1], Tokenize)


# ---- what goes wrong ----


async def test_a_tool_that_fails_is_told_to_the_model_and_named_in_the_log(
    api: RunningApi, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(name: str, arguments: str) -> str:
        raise PluginBroken("The plugin sky failed.", hint="Mend it.")

    caplog.set_level("INFO")
    run_by(api, fail)
    rounds(api, *TWO_ROUNDS)
    [choice] = (await api.chat(hob_tools="all")).json()["choices"]
    assert choice["message"]["hob_tools"][0]["failed"] is True
    assert choice["finish_reason"] == "stop"
    told = api.fakes.models.requests[1].messages[-1].content
    assert told == "Error: The plugin sky failed."
    assert "The plugin sky failed. Mend it." in caplog.text


async def test_a_tool_that_there_is_not_is_told_to_the_model(api: RunningApi) -> None:
    rounds(api, [call("wether"), "tool_calls"], ["Sorry."])
    [choice] = (await api.chat(hob_tools="all")).json()["choices"]
    [tool] = choice["message"]["hob_tools"]
    assert tool["failed"]
    assert "There is: time, weather." in tool["result"]


async def test_no_result_is_longer_than_a_model_is_told(api: RunningApi) -> None:
    async def babble(name: str, arguments: str) -> str:
        return "ä" * MAX_RESULT_BYTES

    run_by(api, babble)
    rounds(api, *TWO_ROUNDS)
    assert (await api.chat(hob_tools="all")).status == 200
    told = api.fakes.models.requests[1].messages[-1].content
    assert len(told.encode()) < MAX_RESULT_BYTES + 100
    assert told.endswith(f"[cut: {MAX_RESULT_BYTES} bytes more]")


def test_a_character_is_not_cut_in_two() -> None:
    assert bounded("a" + "ä" * MAX_RESULT_BYTES).startswith("aää")
    assert "\ufffd" not in bounded("a" + "ä" * MAX_RESULT_BYTES)
    assert bounded("short") == "short"


async def test_a_failure_in_a_later_round_is_told_in_the_stream(api: RunningApi) -> None:
    rounds(api, TWO_ROUNDS[0], [PluginBroken("Something broke.")])
    *_, last = (await api.chat(hob_tools="all", stream=True)).events()
    assert last["error"]["code"] == "plugin_broken"


async def test_hanging_up_takes_back_a_tool_that_runs(api: RunningApi) -> None:
    running, left = asyncio.Event(), asyncio.Event()

    async def wait(name: str, arguments: str) -> str:
        running.set()
        try:
            await asyncio.Event().wait()
        finally:
            left.set()
        return ""

    run_by(api, wait)
    rounds(api, *TWO_ROUNDS)
    asking = asyncio.ensure_future(api.chat(hob_tools="all"))
    await asyncio.wait_for(running.wait(), 10)
    asking.cancel()
    await asyncio.wait_for(left.wait(), 10)
    assert api.fakes.models.live == 0


# ---- beside the client's own tools ----


async def test_a_call_of_the_clients_own_tool_ends_the_answer(api: RunningApi) -> None:
    rounds(api, TWO_ROUNDS[0], [call("mine", '{"a":1}'), "tool_calls"])
    [choice] = (await api.chat(hob_tools="all", tools=[OWN])).json()["choices"]
    assert choice["finish_reason"] == "tool_calls"
    [called] = choice["message"]["tool_calls"]
    assert called["function"] == {"name": "mine", "arguments": '{"a":1}'}
    assert len(choice["message"]["hob_tools"]) == 1


async def test_what_is_called_beside_the_clients_own_is_not_run(api: RunningApi) -> None:
    rounds(api, [call("time"), call("mine", index=1), "tool_calls"])
    *chunks, _ = (await api.chat(hob_tools="all", tools=[OWN], stream=True)).events()
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    [[called]] = [each["tool_calls"] for each in deltas if "tool_calls" in each]
    assert (called["index"], called["function"]["name"]) == (0, "mine")
    assert not any("hob_tool" in each for each in deltas)
    assert len(api.fakes.models.requests) == 1


# ---- what is refused ----


@pytest.mark.parametrize(
    ("fields", "status", "param"),
    [
        ({"hob_tools": ["wether"]}, 404, "hob_tools"),
        ({"hob_tools": ["a b"]}, 400, "hob_tools"),
        ({"hob_tools": "some"}, 400, "hob_tools"),
        ({"hob_tools": ["time"], "n": 2}, 400, "n"),
        ({"hob_tools": ["time"], "functions": [{"name": "f"}]}, 400, "functions"),
        (
            {"hob_tools": "all", "tools": [{"type": "function", "function": {"name": "time"}}]},
            400,
            "hob_tools",
        ),
        ({"hob_tools": [f"t{n}" for n in range(129)]}, 400, "hob_tools"),
    ],
)
async def test_what_cannot_be_is_refused_before_anything_runs(
    api: RunningApi, fields: dict[str, Any], status: int, param: str
) -> None:
    reply = await api.chat(**fields)
    assert (reply.status, reply.error["param"]) == (status, param)
    assert not api.fakes.models.requests


async def test_a_slip_in_a_tools_name_is_told_what_it_may_mean(api: RunningApi) -> None:
    error = (await api.chat(hob_tools=["wether"])).error
    assert error["code"] == "tool_not_found"
    assert "Did you mean weather?" in error["message"]


async def test_a_tool_that_no_model_can_be_told_of_names_its_plugin(api: RunningApi) -> None:
    api.fakes.plugins.offered = [ToolInfo(name="x", plugin="bad", help="", parameters="[")]
    error = (await api.chat(hob_tools="all")).error
    assert error["code"] == "plugin_broken"
    assert "The plugin bad" in error["message"]


async def test_tools_do_not_run_for_whoever_comes_over_tcp(api: RunningApi) -> None:
    body = {"messages": [{"role": "user", "content": "Hi"}], "hob_tools": "all"}
    address = f"http://127.0.0.1:{api.port}/v1/chat/completions"
    async with aiohttp.ClientSession() as session, session.post(address, json=body) as reply:
        assert reply.status == 403
        assert json.loads(await reply.read())["error"]["code"] == "forbidden_peer"
    assert not api.fakes.models.requests
