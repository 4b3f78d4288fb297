"""Chat completions: what a client sends, what reaches the model, what comes back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fakes.ports import CACHED_TOKENS, PROMPT_TOKENS
from fakes.running_api import Response, RunningApi
from hob import __version__
from hob.errors import ContextOverflow, ModelLoadFailed, WorkerDied
from hob.wire.generate import ChatMessage, Sampling


async def test_an_answer_comes_whole(api: RunningApi) -> None:
    reply = (await api.chat()).json()
    assert reply["object"] == "chat.completion"
    assert reply["model"] == "tiny"
    assert reply["id"].startswith("chatcmpl-")
    assert reply["system_fingerprint"] == f"hob-{__version__}"
    assert reply["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello world", "refusal": None},
            "finish_reason": "stop",
            "logprobs": None,
        }
    ]
    assert reply["usage"] == {
        "prompt_tokens": PROMPT_TOKENS,
        "completion_tokens": 2,
        "total_tokens": PROMPT_TOKENS + 2,
        "prompt_tokens_details": {"cached_tokens": CACHED_TOKENS},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
    assert reply["timings"] == {
        "queued_s": 0.5,
        "prefill_s": 0.25,
        "decode_s": 2.0,
        "tokens_per_second": 0.5,
    }


async def test_a_stream_opens_with_the_role_and_closes_with_the_reason(api: RunningApi) -> None:
    reply = await api.chat(stream=True)
    assert reply.headers["Content-Type"] == "text/event-stream"
    *chunks, done = reply.events()
    assert done == "[DONE]"
    assert [chunk["choices"][0]["delta"] for chunk in chunks] == [
        {"role": "assistant", "content": ""},
        {"content": "Hello"},
        {"content": " world"},
        {},
    ]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, None, None, "stop"]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert all("usage" not in chunk for chunk in chunks)
    assert chunks[-1]["timings"]["decode_s"] == 2.0


async def test_text_is_streamed_while_the_answer_is_still_being_made(api: RunningApi) -> None:
    gate = asyncio.Event()
    api.fakes.models.steps = ["first", gate, "second"]
    body = {"messages": [{"role": "user", "content": "Hi"}], "stream": True}
    url = "http://localhost/v1/chat/completions"
    async with api.session.post(url, json=body) as reply:
        seen = b""
        while b"first" not in seen:
            seen += await reply.content.readany()
        assert b"second" not in seen
        gate.set()
        assert b"second" in await reply.content.read()


async def test_usage_is_a_chunk_of_its_own_when_asked_for(api: RunningApi) -> None:
    reply = await api.chat(stream=True, stream_options={"include_usage": True})
    *chunks, last, _ = reply.events()
    assert all(chunk["usage"] is None for chunk in chunks)
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] == PROMPT_TOKENS + 2
    assert last["usage"]["prompt_tokens_details"]["cached_tokens"] == CACHED_TOKENS


async def test_usage_of_a_reply_that_is_no_stream_cannot_be_asked_for(api: RunningApi) -> None:
    reply = await api.chat(stream_options={"include_usage": True})
    assert (reply.status, reply.error["param"]) == (400, "stream_options")


async def test_several_choices_run_at_once_each_with_the_next_seed(api: RunningApi) -> None:
    gate = asyncio.Event()
    api.fakes.models.steps_of = {0: [gate, "zero"], 1: ["one"], 2: ["two"]}
    asking = asyncio.ensure_future(api.chat(n=3, seed=2**32 - 1))
    await api.fakes.models.sent.wait()
    gate.set()
    reply = (await asking).json()
    assert [c["message"]["content"] for c in reply["choices"]] == ["zero", "one", "two"]
    assert [c["index"] for c in reply["choices"]] == [0, 1, 2]
    assert reply["usage"]["prompt_tokens"] == PROMPT_TOKENS
    assert reply["usage"]["completion_tokens"] == 3
    assert "timings" not in reply
    requests = api.fakes.models.requests
    assert [request.sampling.seed for request in requests] == [2**32 - 1, 0, 1]
    assert len({request.id for request in requests}) == 3


async def test_choices_share_one_stream_by_their_index(api: RunningApi) -> None:
    gate = asyncio.Event()
    api.fakes.models.steps_of = {0: ["a", gate, "c"], 1: ["b"]}
    body = {"messages": [{"role": "user", "content": "Hi"}], "stream": True, "n": 2}
    url = "http://localhost/v1/chat/completions"
    async with api.session.post(url, json=body) as reply:
        seen = b""
        while seen.count(b'"finish_reason":"stop"') < 1:
            seen += await reply.content.readany()
        gate.set()
        seen += await reply.content.read()
    *chunks, done = Response(200, {}, seen).events()
    assert done == "[DONE]"
    texts = {0: "", 1: ""}
    for chunk in chunks:
        [choice] = chunk["choices"]
        texts[choice["index"]] += choice["delta"].get("content", "")
    assert texts == {0: "ac", 1: "b"}
    assert [c["choices"][0]["index"] for c in chunks if c["choices"][0]["finish_reason"]] == [1, 0]


async def test_roles_and_text_parts_reach_the_model_as_messages(api: RunningApi) -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    messages = [
        {"role": "developer", "content": "rules"},
        {"role": "system", "content": "more rules"},
        {"role": "user", "content": parts, "name": "me"},
        {"role": "assistant", "content": "yes", "tool_calls": None},
        {"role": "tool", "content": "42", "tool_call_id": "x"},
    ]
    assert (await api.chat(messages=messages)).status == 200
    assert api.fakes.models.requests[0].messages == (
        ChatMessage(role="system", content="rules"),
        ChatMessage(role="system", content="more rules"),
        ChatMessage(role="user", content="a\nb"),
        ChatMessage(role="assistant", content="yes"),
        ChatMessage(role="tool", content="42", tool_call_id="x"),
    )


async def test_the_limits_of_an_answer_reach_the_model(api: RunningApi) -> None:
    await api.chat(max_tokens=5, max_completion_tokens=6, stop=["a", "", "b"])
    [request] = api.fakes.models.requests
    assert request.max_tokens == 6
    assert request.stop == ("a", "b")


async def test_what_is_left_out_or_null_is_left_to_the_daemon(api: RunningApi) -> None:
    await api.chat(temperature=None, seed=None, stop=None, max_tokens=None, logit_bias=None)
    [request] = api.fakes.models.requests
    assert request.sampling == Sampling()
    assert request.max_tokens is None
    assert request.stop == ()
    assert request.priority == "normal"


async def test_fields_that_hob_does_not_know_are_ignored(api: RunningApi) -> None:
    reply = await api.chat(user="me", metadata={"a": "b"}, store=True, future={"deep": [1]})
    assert reply.status == 200


@pytest.mark.parametrize("model", [None, "", "default", "tiny", "tin"])
async def test_the_reply_names_the_model_that_answered(api: RunningApi, model: str | None) -> None:
    assert (await api.chat(model=model)).json()["model"] == "tiny"
    assert api.fakes.models.asked == ["tiny"]


async def test_without_any_model_the_error_says_how_to_get_one(api: RunningApi) -> None:
    api.fakes.models.chosen = ""
    reply = await api.chat()
    assert (reply.status, reply.error["code"]) == (503, "no_models")
    assert "hob models pull" in reply.error["message"]


async def test_the_priority_may_be_a_header(api: RunningApi) -> None:
    messages = {"messages": [{"role": "user", "content": "Hi"}]}
    headers = {"X-Hob-Priority": "background"}
    await api.post("/v1/chat/completions", messages, headers=headers)
    assert api.fakes.models.requests[0].priority == "background"
    headers = {"X-Hob-Priority": "urgent"}
    reply = await api.post("/v1/chat/completions", messages, headers=headers)
    assert (reply.status, reply.error["param"]) == (400, "X-Hob-Priority")


async def test_the_priority_may_be_a_field_and_the_header_goes_before_it(api: RunningApi) -> None:
    await api.chat(priority="interactive")
    assert api.fakes.models.requests[0].priority == "interactive"
    body = {"messages": [{"role": "user", "content": "Hi"}], "priority": "interactive"}
    await api.post("/v1/chat/completions", body, headers={"X-Hob-Priority": "normal"})
    assert api.fakes.models.requests[1].priority == "normal"
    reply = await api.chat(priority="urgent")
    assert (reply.status, reply.error["param"]) == (400, "priority")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"audio": {}}, "audio"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"web_search_options": {}}, "web_search_options"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"structured_outputs": {"structural_tag": {}}}, "structured_outputs.structural_tag"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"tool_choice": {"type": "allowed_tools"}}, "tool_choice"),
    ],
)
async def test_what_hob_does_not_do_is_refused_by_name(
    api: RunningApi, fields: dict[str, Any], param: str
) -> None:
    reply = await api.chat(**fields)
    assert reply.status == 400
    assert reply.error["code"] == "unsupported_parameter"
    assert reply.error["param"] == param
    assert "this version of Hob does" in reply.error["message"]
    assert not api.fakes.models.requests


async def test_values_that_ask_for_nothing_are_taken(api: RunningApi) -> None:
    reply = await api.chat(
        tools=[],
        tool_choice="auto",
        functions=[],
        function_call="none",
        response_format={"type": "text"},
        logprobs=False,
        top_logprobs=0,
        modalities=["text"],
        grammar="",
    )
    assert reply.status == 200


@pytest.mark.parametrize(
    ("message", "param", "code"),
    [
        ({"role": "wizard", "content": "x"}, "messages[0].role", "invalid_request"),
        ({"role": "user"}, "messages[0].content", "invalid_request"),
        ({"role": "user", "content": 5}, "messages", "invalid_request"),
        (
            {"role": "user", "content": [{"type": "text"}]},
            "messages[0].content[0].text",
            "invalid_request",
        ),
        (
            {"role": "user", "content": [{"type": "file", "file": {}}]},
            "messages[0].content[0].type",
            "unsupported_parameter",
        ),
    ],
)
async def test_a_message_that_cannot_be_used_is_named(
    api: RunningApi, message: dict[str, Any], param: str, code: str
) -> None:
    reply = await api.chat(messages=[message])
    assert (reply.status, reply.error["param"], reply.error["code"]) == (400, param, code)


async def test_a_prompt_that_does_not_fit_is_refused_with_both_counts(api: RunningApi) -> None:
    problem = ContextOverflow("Too long.", prompt_tokens=9, context_length=8)
    api.fakes.models.starts = False
    api.fakes.models.steps = [problem]
    for stream in (False, True):
        reply = await api.chat(stream=stream)
        assert reply.status == 400
        assert reply.error["code"] == "context_length_exceeded"
        assert reply.error["details"] == {"prompt_tokens": 9, "context_length": 8}


async def test_a_model_that_does_not_load_has_its_own_status_even_for_a_stream(
    api: RunningApi,
) -> None:
    api.fakes.models.before = [ModelLoadFailed("It does not load.", hint="Pick another.")]
    reply = await api.chat(stream=True)
    assert reply.status == 503
    assert reply.error["message"] == "It does not load. Pick another."
    assert reply.headers["X-Should-Retry"] == "false"


@pytest.mark.parametrize("n", [1, 2])
async def test_a_failure_in_mid_stream_is_told_and_is_no_clean_end(api: RunningApi, n: int) -> None:
    api.fakes.models.steps_of = {0: ["Hel", WorkerDied("The model crashed.", hint="Ask again.")]}
    reply = await api.chat(stream=True, n=n)
    assert reply.status == 200
    assert reply.body.endswith(b"broken")
    assert b"[DONE]" not in reply.body
    assert reply.events()[-1] == {
        "error": {
            "message": "The model crashed. Ask again.",
            "type": "server_error",
            "param": None,
            "code": "worker_died",
        }
    }
    assert api.fakes.models.live == 0


@pytest.mark.parametrize("n", [1, 2])
async def test_a_failure_of_a_whole_answer_is_a_status(api: RunningApi, n: int) -> None:
    api.fakes.models.steps_of = {n - 1: ["Hel", WorkerDied("The model crashed.")]}
    reply = await api.chat(n=n)
    assert (reply.status, reply.error["code"]) == (502, "worker_died")
    assert api.fakes.models.live == 0


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_was_taken_back_is_no_answer(api: RunningApi, stream: bool) -> None:
    api.fakes.models.steps = ["Hel", "cancelled"]
    reply = await api.chat(stream=stream)
    assert b'"code":"cancelled"' in reply.body
    assert b"[DONE]" not in reply.body


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_without_an_end_is_an_error(api: RunningApi, stream: bool) -> None:
    api.fakes.models.ends = False
    reply = await api.chat(stream=stream)
    assert b'"code":"protocol_error"' in reply.body
    assert b"[DONE]" not in reply.body


async def test_while_stopping_new_work_is_refused_with_a_reason(api: RunningApi) -> None:
    api.fakes.daemon.stopping = True
    reply = await api.chat()
    assert (reply.status, reply.error["code"]) == (503, "shutting_down")
    assert reply.headers["Retry-After"] == "2"
    assert "X-Should-Retry" not in reply.headers
