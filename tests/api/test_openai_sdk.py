"""The real `openai` SDK against the API, over TCP and over the socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import openai
import pydantic
import pytest

from fakes.ports import PROMPT_TOKENS, Step, delta, token
from fakes.running_api import RunningApi
from hob.errors import ContextOverflow, ShuttingDown, WorkerDied
from hob.wire.constraint import JsonSchema
from hob.wire.generate import CallDelta

HI: list[Any] = [{"role": "user", "content": "Hi"}]


def _over_tcp(api: RunningApi) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"http://127.0.0.1:{api.port}/v1", api_key="x")


def _over_the_socket(api: RunningApi) -> openai.AsyncOpenAI:
    transport = httpx2.AsyncHTTPTransport(uds=str(api.socket))
    client = httpx2.AsyncClient(transport=transport)
    return openai.AsyncOpenAI(base_url="http://localhost/v1", api_key="x", http_client=client)


@pytest.fixture(params=[_over_tcp, _over_the_socket])
async def sdk(request: pytest.FixtureRequest, api: RunningApi) -> AsyncIterator[openai.AsyncOpenAI]:
    connect: Callable[[RunningApi], openai.AsyncOpenAI] = request.param
    async with connect(api) as client:
        yield client


async def test_models(sdk: openai.AsyncOpenAI) -> None:
    assert [model.id async for model in sdk.models.list()] == ["tiny", "big"]
    assert (await sdk.models.retrieve("big")).id == "big"


async def test_a_chat(sdk: openai.AsyncOpenAI) -> None:
    reply = await sdk.chat.completions.create(model="tiny", messages=HI, n=2, seed=-5)
    assert [choice.message.content for choice in reply.choices] == ["Hello world"] * 2
    assert reply.usage is not None
    assert reply.usage.prompt_tokens == PROMPT_TOKENS
    assert reply.usage.prompt_tokens_details is not None
    assert reply.usage.prompt_tokens_details.cached_tokens == 3


async def test_a_streamed_chat(sdk: openai.AsyncOpenAI) -> None:
    stream = await sdk.chat.completions.create(
        model="tiny", messages=HI, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    text = "".join(c.delta.content or "" for chunk in chunks for c in chunk.choices)
    assert text == "Hello world"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 2


async def test_the_stream_helper_puts_the_answer_together(sdk: openai.AsyncOpenAI) -> None:
    async with sdk.chat.completions.stream(model="tiny", messages=HI) as stream:
        reply = await stream.get_final_completion()
    assert reply.choices[0].message.content == "Hello world"
    assert reply.choices[0].finish_reason == "stop"


async def test_completions(sdk: openai.AsyncOpenAI) -> None:
    reply = await sdk.completions.create(model="tiny", prompt=["a", "b"])
    assert [choice.text for choice in reply.choices] == ["Hello world"] * 2
    stream = await sdk.completions.create(model="tiny", prompt="a", stream=True)
    assert "".join([chunk.choices[0].text async for chunk in stream]) == "Hello world"


WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
CALLS: list[Step] = [
    delta(calls=(CallDelta(index=0, id="call_1", name="weather"),)),
    delta(calls=(CallDelta(index=0, arguments='{"city": '),)),
    delta(calls=(CallDelta(index=0, arguments='"Rome"}'),)),
    delta(calls=(CallDelta(index=1, id="call_2", name="weather", arguments='{"city": "Oslo"}'),)),
    "tool_calls",
]


async def test_tool_calls(api: RunningApi, sdk: openai.AsyncOpenAI) -> None:
    api.fakes.models.steps = CALLS
    reply = await sdk.chat.completions.parse(model="tiny", messages=HI, tools=[WEATHER])
    [choice] = reply.choices
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content is None
    assert choice.message.tool_calls is not None
    assert [call.id for call in choice.message.tool_calls] == ["call_1", "call_2"]
    assert choice.message.tool_calls[0].function.parsed_arguments == {"city": "Rome"}


async def test_streamed_tool_calls(api: RunningApi, sdk: openai.AsyncOpenAI) -> None:
    api.fakes.models.steps = CALLS
    async with sdk.chat.completions.stream(model="tiny", messages=HI, tools=[WEATHER]) as stream:
        reply = await stream.get_final_completion()
    [choice] = reply.choices
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content is None
    assert choice.message.tool_calls is not None
    assert [(call.id, call.function.arguments) for call in choice.message.tool_calls] == [
        ("call_1", '{"city": "Rome"}'),
        ("call_2", '{"city": "Oslo"}'),
    ]
    assert choice.message.tool_calls[1].function.parsed_arguments == {"city": "Oslo"}


class Fox(pydantic.BaseModel):
    name: str
    age: int


async def test_an_answer_in_the_shape_of_a_class(api: RunningApi, sdk: openai.AsyncOpenAI) -> None:
    api.fakes.models.steps = ['{"name": "Reynard",', ' "age": 7}']
    reply = await sdk.chat.completions.parse(model="tiny", messages=HI, response_format=Fox)
    assert reply.choices[0].message.parsed == Fox(name="Reynard", age=7)
    constraint = api.fakes.models.requests[0].constraint
    assert isinstance(constraint, JsonSchema)
    assert constraint.schema["required"] == ["name", "age"]
    async with sdk.chat.completions.stream(
        model="tiny", messages=HI, response_format=Fox
    ) as stream:
        last = await stream.get_final_completion()
    assert last.choices[0].message.parsed == Fox(name="Reynard", age=7)


async def test_log_probabilities(api: RunningApi, sdk: openai.AsyncOpenAI) -> None:
    api.fakes.models.steps = [
        delta("a", logprobs=(token("a", -0.5, {"a": -0.5, "b": -1.0}),)),
        delta("c", logprobs=(token("c", -0.25, {"c": -0.25}),)),
    ]
    whole = await sdk.chat.completions.create(
        model="tiny", messages=HI, logprobs=True, top_logprobs=2
    )
    async with sdk.chat.completions.stream(
        model="tiny", messages=HI, logprobs=True, top_logprobs=2
    ) as stream:
        streamed = await stream.get_final_completion()
    for reply in (whole, streamed):
        logprobs = reply.choices[0].logprobs
        assert logprobs is not None
        assert logprobs.content is not None
        assert [(item.token, item.logprob) for item in logprobs.content] == [
            ("a", -0.5),
            ("c", -0.25),
        ]
        assert [other.token for other in logprobs.content[0].top_logprobs] == ["a", "b"]
    plain = await sdk.completions.create(model="tiny", prompt="x", logprobs=2)
    assert plain.choices[0].logprobs is not None
    assert plain.choices[0].logprobs.tokens == ["a", "c"]
    assert plain.choices[0].logprobs.text_offset == [0, 1]


async def test_thoughts_are_a_field_beside_the_text(
    api: RunningApi, sdk: openai.AsyncOpenAI
) -> None:
    api.fakes.models.steps = [delta(reasoning="Hm."), "Ho"]
    reply = await sdk.chat.completions.create(model="tiny", messages=HI, reasoning_effort="low")
    message: Any = reply.choices[0].message
    assert (message.reasoning_content, message.content) == ("Hm.", "Ho")


async def test_errors_become_the_sdk_s_own(api: RunningApi, sdk: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        await sdk.chat.completions.create(model="nothing", messages=HI)
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError, match="searching the web"):
        await sdk.chat.completions.create(
            model="tiny",
            messages=HI,
            web_search_options={},
        )
    api.fakes.models.before = [ContextOverflow("Too long.", prompt_tokens=9, context_length=8)]
    with pytest.raises(openai.BadRequestError) as overflow:
        await sdk.chat.completions.create(model="tiny", messages=HI)
    assert overflow.value.code == "context_length_exceeded"


async def test_a_broken_stream_raises_after_its_text(
    api: RunningApi, sdk: openai.AsyncOpenAI
) -> None:
    api.fakes.models.steps = ["Hel", WorkerDied("The model crashed.")]
    stream = await sdk.chat.completions.create(model="tiny", messages=HI, stream=True)
    chunks: list[Any] = []

    async def take_all() -> None:
        async for chunk in stream:
            chunks.append(chunk)

    with pytest.raises(openai.APIError, match="The model crashed"):
        await take_all()
    assert chunks[-1].choices[0].delta.content == "Hel"


async def test_the_sdk_asks_again_only_where_that_may_help(
    api: RunningApi, sdk: openai.AsyncOpenAI
) -> None:
    api.fakes.models.chosen = ""
    with pytest.raises(openai.InternalServerError) as error:
        await sdk.chat.completions.create(model="default", messages=HI)
    assert error.value.code == "no_models"
    assert error.value.response.headers["x-should-retry"] == "false"
    api.fakes.models.before = [ShuttingDown("Hob is stopping.", retry_after=0.01)]
    with pytest.raises(openai.InternalServerError):
        await sdk.chat.completions.create(model="tiny", messages=HI)
    assert len(api.fakes.models.requests) == 3


async def test_tools_that_hob_runs_do_not_get_in_its_way(api: RunningApi) -> None:
    call = delta(calls=(CallDelta(index=0, id="c0", name="add", arguments="{}"),))
    api.fakes.models.steps_of = {0: ["Wait. ", call, "tool_calls"], 1: ["Done."]}
    async with _over_the_socket(api) as sdk:
        asked = sdk.chat.completions.stream(
            model="tiny", messages=HI, extra_body={"hob_tools": ["add"]}
        )
        shown: list[Any] = []
        async with asked as stream:
            async for event in stream:
                if event.type == "chunk" and (tool := _hob_tool(event.chunk)) is not None:
                    shown.append(tool)
            reply = await stream.get_final_completion()
    assert reply.choices[0].message.content == "Wait. \n\nDone."
    assert reply.choices[0].message.tool_calls is None
    assert [tool.get("result") for tool in shown] == [None, "add {}"]


def _hob_tool(chunk: Any) -> Any:
    """A field that the SDK does not know comes along all the same."""
    return getattr(chunk.choices[0].delta, "hob_tool", None) if chunk.choices else None
