"""Even the smallest model calls tools that it must call, with arguments that are valid."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from fakes.engine_process import Answer, EngineProcess
from fakes.outputs import Seen
from hob.engine.output.stream import Emission
from hob.wire.chat import ChatMessage, Tool, ToolCall, ToolChoice
from hob.wire.engine import Loaded, LoadOptions
from hob.wire.generate import GenerateRequest, Sampling
from live_daemon import starter_model

pytestmark = pytest.mark.live

WEATHER = Tool(
    name="get_weather",
    description="The weather of a city.",
    parameters={
        "type": "object",
        "properties": {
            "city": {"type": "string", "maxLength": 20},
            "days": {"type": "integer", "minimum": 1, "maximum": 7},
            "unit": {"enum": ["celsius", "fahrenheit"]},
        },
        "required": ["city", "days", "unit"],
    },
)
TIME = Tool(name="get_time", description="The time of day.")
TOOLS = (WEATHER, TIME)
ASK = ChatMessage(role="user", content="What is the weather in Paris for the next three days?")


@pytest.fixture(scope="module")
def worker() -> Iterator[EngineProcess]:
    with EngineProcess() as process:
        loaded = process.load(starter_model(), LoadOptions(context_length=4096, slots=4))
        assert isinstance(loaded, Loaded)
        assert loaded.info.tool_format == "generic"
        yield process


def request(id: str, **changes: Any) -> GenerateRequest:
    fields: dict[str, Any] = {
        "messages": (ASK,),
        "tools": TOOLS,
        "max_tokens": 300,
        "sampling": Sampling(temperature=1.0, seed=7),
        **changes,
    }
    return GenerateRequest(id=id, **fields)


def seen(answer: Answer) -> Seen:
    deltas = [Emission(d.text, d.reasoning, d.calls) for d in answer.deltas]
    return Seen.of(sum(deltas, Emission()))


def check(name: str, text: str) -> None:
    arguments = json.loads(text)
    if name == "get_time":
        assert arguments == {}
        return
    assert name == "get_weather"
    assert arguments.keys() == {"city", "days", "unit"}
    assert len(arguments["city"]) <= 20
    assert arguments["days"] in range(1, 8)
    assert arguments["unit"] in ("celsius", "fahrenheit")


def test_a_required_call_has_valid_arguments(worker: EngineProcess) -> None:
    requests = [
        request(
            f"r{seed}",
            tool_choice=ToolChoice(mode="required"),
            parallel_tool_calls=False,
            sampling=Sampling(temperature=1.5, seed=seed),
        )
        for seed in range(4)
    ]
    for answer in worker.ask(*requests).values():
        got = seen(answer)
        assert answer.finished.reason == "tool_calls"
        assert got.text == ""
        assert len(got.calls) == 1
        for id, name, arguments in got.calls:
            assert id.startswith("call_")
            check(name, arguments)


def test_several_required_calls_are_valid(worker: EngineProcess) -> None:
    answer = worker.answer(request("p", tool_choice=ToolChoice(mode="required"), max_tokens=1_500))
    got = seen(answer)
    assert got.text == ""
    assert got.calls
    for _id, name, arguments in got.calls:
        check(name, arguments)


@pytest.mark.parametrize("name", ["get_weather", "get_time"])
def test_a_named_tool_is_the_one_that_is_called(worker: EngineProcess, name: str) -> None:
    choice = ToolChoice(mode="named", name=name)
    got = seen(worker.answer(request(name, tool_choice=choice)))
    [(_id, called, arguments)] = got.calls
    assert called == name
    check(called, arguments)


def test_a_conversation_goes_on_after_a_call(worker: EngineProcess) -> None:
    call = ToolCall(name="get_time", arguments="{}", id="call_1")
    messages = (
        ASK,
        ChatMessage(role="assistant", tool_calls=(call,)),
        ChatMessage(role="tool", content="It is noon.", tool_call_id="call_1"),
    )
    answer = worker.answer(
        request("on", messages=messages, tool_choice=ToolChoice(mode="none"), max_tokens=20)
    )
    assert answer.finished.reason in ("stop", "length")
    assert answer.text
