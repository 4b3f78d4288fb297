"""Plain completions, and the list of models."""

from __future__ import annotations

from typing import Any

import pytest

from fakes.ports import PROMPT_TOKENS
from fakes.running_api import RunningApi
from hob.wire.openai.messages import MAX_PARTS
from hob.wire.openai.requests import MAX_CHOICES, MAX_PROMPT_ITEMS


async def test_a_completion_comes_whole(api: RunningApi) -> None:
    reply = (await api.post("/v1/completions", {"prompt": "Once", "max_tokens": 4})).json()
    assert reply["object"] == "text_completion"
    assert reply["id"].startswith("cmpl-")
    assert reply["choices"] == [
        {"index": 0, "text": "Hello world", "finish_reason": "stop", "logprobs": None}
    ]
    assert reply["usage"]["total_tokens"] == PROMPT_TOKENS + 2
    assert reply["timings"]["tokens_per_second"] == 0.5
    [request] = api.fakes.models.requests
    assert (request.prompt, request.messages, request.max_tokens) == ("Once", (), 4)


async def test_a_completion_streams_its_text_and_then_the_reason(api: RunningApi) -> None:
    api.fakes.models.steps = ["a", "b", "length"]
    body = {"prompt": "Once", "stream": True, "stream_options": {"include_usage": True}}
    *chunks, usage, done = (await api.post("/v1/completions", body)).events()
    assert done == "[DONE]"
    assert [chunk["choices"][0]["text"] for chunk in chunks] == ["a", "b", ""]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, None, "length"]
    assert usage["choices"] == []
    assert usage["usage"]["completion_tokens"] == 2


@pytest.mark.parametrize(
    ("prompt", "meant"),
    [
        ("", [""]),
        ("a", ["a"]),
        (["a", "b"], ["a", "b"]),
        ([1, 2], [(1, 2)]),
        ([[1], [2, 3]], [(1,), (2, 3)]),
        (["a", [1]], ["a", (1,)]),
    ],
)
async def test_a_prompt_is_text_or_tokens_or_several_of_them(
    api: RunningApi, prompt: Any, meant: list[Any]
) -> None:
    assert (await api.post("/v1/completions", {"prompt": prompt})).status == 200
    assert [request.prompt for request in api.fakes.models.requests] == meant


@pytest.mark.parametrize("prompt", [[], [[]], [1, "a"], [True], [-1], [2**31], [1.5], {}, None, 5])
async def test_a_prompt_that_is_none_of_these_is_refused(api: RunningApi, prompt: Any) -> None:
    reply = await api.post("/v1/completions", {"prompt": prompt})
    assert (reply.status, reply.error["param"]) == (400, "prompt")
    assert not api.fakes.models.requests


async def test_choices_of_several_prompts_are_numbered_prompt_by_prompt(api: RunningApi) -> None:
    api.fakes.models.steps_of = {i: [str(i)] for i in range(4)}
    body = {"prompt": ["a", "b"], "n": 2, "seed": 5}
    reply = (await api.post("/v1/completions", body)).json()
    assert [choice["text"] for choice in reply["choices"]] == ["0", "1", "2", "3"]
    requests = api.fakes.models.requests
    assert [(request.prompt, request.sampling.seed) for request in requests] == [
        ("a", 5),
        ("a", 6),
        ("b", 5),
        ("b", 6),
    ]
    # Each prompt counts once, each choice's text every time.
    assert reply["usage"]["prompt_tokens"] == 2 * PROMPT_TOKENS
    assert reply["usage"]["completion_tokens"] == 4


async def test_more_answers_than_one_request_may_ask_for_are_refused(api: RunningApi) -> None:
    prompts = ["a"] * (MAX_CHOICES // 8 + 1)
    reply = await api.post("/v1/completions", {"prompt": prompts, "n": 8})
    assert reply.status == 400
    assert not api.fakes.models.requests


async def test_what_stands_around_the_answer_reaches_the_model(api: RunningApi) -> None:
    fields = {"prompt": "def f(", "suffix": "return 1", "echo": True}
    assert (await api.post("/v1/completions", fields)).status == 200
    [request] = api.fakes.models.requests
    assert (request.prompt, request.suffix, request.echo) == ("def f(", "return 1", True)


async def test_values_that_ask_for_nothing_are_taken(api: RunningApi) -> None:
    fields = {"echo": False, "suffix": "", "best_of": 2, "n": 2, "logprobs": False}
    assert (await api.post("/v1/completions", {"prompt": "a", **fields})).status == 200
    for request in api.fakes.models.requests:
        assert (request.suffix, request.echo, request.logprobs) == (None, False, None)


async def test_models_are_listed_and_found(api: RunningApi) -> None:
    listing = (await api.get("/v1/models")).json()
    card = {"id": "tiny", "created": 1700000000, "object": "model", "owned_by": "hob"}
    assert listing["object"] == "list"
    assert listing["data"][0] == card
    assert (await api.get("/v1/models/tiny")).json() == card
    reply = await api.get("/v1/models/nothing")
    assert (reply.status, reply.error["code"]) == (404, "model_not_found")


async def test_more_parts_or_tokens_than_any_context_holds_are_refused(api: RunningApi) -> None:
    part = {"type": "text", "text": "a"}
    messages = [{"role": "user", "content": [part] * (MAX_PARTS + 1)}]
    assert (await api.post("/v1/chat/completions", {"messages": messages})).status == 400
    reply = await api.post("/v1/completions", {"prompt": [1] * (MAX_PROMPT_ITEMS + 1)})
    assert (reply.status, reply.error["param"]) == (400, "prompt")
    assert not api.fakes.models.requests
