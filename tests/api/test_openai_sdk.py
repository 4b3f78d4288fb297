"""The real `openai` SDK against the API, over TCP and over the socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import openai
import pytest

from fakes.ports import PROMPT_TOKENS
from fakes.running_api import RunningApi
from hob.errors import ContextOverflow, ShuttingDown, WorkerDied

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
