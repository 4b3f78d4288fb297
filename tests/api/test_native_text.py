"""The native routes for text: tokens, templates, reading ahead and filling in."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fakes.running_api import RunningApi
from hob.errors import ContextOverflow, Overloaded
from hob.wire.calls import (
    Detokenize,
    PlainText,
    Prefill,
    Prefilled,
    Render,
    Rendered,
    Tokenize,
    Tokens,
)

CHAT = {"messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}]}


async def test_a_chat_is_read_ahead_in_the_background(api: RunningApi) -> None:
    api.fakes.models.results = [Prefilled(prompt_tokens=9, cached_tokens=4)]
    reply = await api.post("/hob/v1/prefill", CHAT)
    assert reply.json() == {"model": "tiny", "prompt_tokens": 9, "cached_tokens": 4}
    [call] = api.fakes.models.calls
    assert isinstance(call, Prefill)
    assert (call.priority, call.request.priority) == ("background", "background")
    assert [message.content for message in call.request.messages] == ["Be kind.", "Hi"]
    assert call.id == call.request.id


async def test_a_prompt_is_read_ahead_by_the_named_model_and_priority(api: RunningApi) -> None:
    api.fakes.models.results = [Prefilled(prompt_tokens=2, cached_tokens=0)]
    body = {"prompt": "Once upon", "model": "bi", "priority": "interactive", "n": 2}
    assert (await api.post("/hob/v1/prefill", body)).json()["model"] == "big"
    [call] = api.fakes.models.calls
    assert isinstance(call, Prefill)
    assert (call.request.prompt, call.priority) == ("Once upon", "interactive")


async def test_a_client_that_leaves_stops_its_prefill(api: RunningApi) -> None:
    api.fakes.models.results = [asyncio.Event()]
    sending = asyncio.ensure_future(api.post("/hob/v1/prefill", CHAT))
    entering = asyncio.ensure_future(api.fakes.models.entered.wait())
    await asyncio.wait({sending, entering}, return_when=asyncio.FIRST_COMPLETED)
    assert not sending.done()
    sending.cancel()
    await asyncio.wait({sending})
    await api.fakes.models.left.wait()


async def test_text_becomes_tokens(api: RunningApi) -> None:
    api.fakes.models.results = [Tokens(tokens=(5, 6), pieces=(b"Hi", b"\xf0\x9f"))] * 2
    assert (await api.post("/hob/v1/tokenize", {"text": "Hi"})).json() == {
        "tokens": [5, 6],
        "count": 2,
    }
    body = {"text": "Hi", "with_pieces": True, "add_special": True, "parse_special": False}
    reply = await api.post("/hob/v1/tokenize", body)
    assert reply.json()["pieces"] == ["Hi", [0xF0, 0x9F]]
    first, second = api.fakes.models.calls
    assert isinstance(first, Tokenize)
    assert isinstance(second, Tokenize)
    assert (first.add_special, first.parse_special) == (False, True)
    assert (second.add_special, second.parse_special) == (True, False)


async def test_tokens_become_text(api: RunningApi) -> None:
    api.fakes.models.results = [PlainText(text="Hi")]
    assert (await api.post("/hob/v1/detokenize", {"tokens": [5, 6]})).json() == {"text": "Hi"}
    [call] = api.fakes.models.calls
    assert isinstance(call, Detokenize)
    assert call.tokens == (5, 6)


async def test_a_template_is_shown_applied_and_counted(api: RunningApi) -> None:
    api.fakes.models.results = [Rendered(text="<user>Hi", tokens=(1, 2, 3))] * 3
    applied = await api.post("/hob/v1/apply-template", CHAT)
    assert applied.json() == {"prompt": "<user>Hi", "tokens": 3}
    assert (await api.post("/hob/v1/count-tokens", CHAT)).json() == {"tokens": 3}
    assert (await api.post("/hob/v1/count-tokens", {"prompt": "Hi"})).json() == {"tokens": 3}
    assert all(isinstance(call, Render) for call in api.fakes.models.calls)


async def test_filling_in_is_a_completion_with_a_suffix(api: RunningApi) -> None:
    body = {"prefix": "def f(", "suffix": "return x", "max_tokens": 5, "temperature": 0}
    reply = await api.post("/hob/v1/infill", body)
    assert reply.json()["choices"][0]["text"] == "Hello world"
    [asked] = api.fakes.models.requests
    assert (asked.prompt, asked.suffix, asked.max_tokens) == ("def f(", "return x", 5)
    assert asked.sampling.temperature == 0
    streamed = await api.post("/hob/v1/infill", body | {"stream": True})
    assert streamed.events()[-1] == "[DONE]"


@pytest.mark.parametrize(
    ("route", "body", "param"),
    [
        ("prefill", {}, "prompt"),
        ("prefill", {"messages": []}, "messages"),
        ("prefill", {"prompt": ["a", "b"]}, "prompt"),
        ("prefill", CHAT | {"priority": "now"}, "priority"),
        ("tokenize", {}, "text"),
        ("tokenize", {"text": 5}, "text"),
        ("detokenize", {"tokens": ["a"]}, "tokens"),
        ("detokenize", {"tokens": [-1]}, "tokens"),
        ("apply-template", {"prompt": "Hi"}, "messages"),
        ("count-tokens", {"prompt": []}, "prompt"),
        ("infill", {"prefix": "a"}, "suffix"),
    ],
)
async def test_what_cannot_be_done_is_refused_by_its_field(
    api: RunningApi, route: str, body: dict[str, Any], param: str
) -> None:
    reply = await api.post(f"/hob/v1/{route}", body)
    assert (reply.status, reply.error["param"]) == (400, param)
    assert not api.fakes.models.calls


async def test_an_error_of_the_worker_keeps_its_status_and_figures(api: RunningApi) -> None:
    problem = ContextOverflow("Too long.", prompt_tokens=9, context_length=8)
    api.fakes.models.problem = problem
    reply = await api.post("/hob/v1/prefill", CHAT)
    assert (reply.status, reply.error["code"]) == (400, "context_length_exceeded")
    assert reply.error["details"] == {"prompt_tokens": 9, "context_length": 8}


async def test_the_result_of_another_call_is_an_error(api: RunningApi) -> None:
    routes = {
        "prefill": CHAT,
        "tokenize": {"text": "a"},
        "detokenize": {"tokens": [1]},
        "count-tokens": CHAT,
    }
    for route, body in routes.items():
        other = Tokens(tokens=(), pieces=())
        api.fakes.models.results = [other if route != "tokenize" else PlainText(text="")]
        reply = await api.post(f"/hob/v1/{route}", body)
        assert (reply.status, reply.error["code"]) == (502, "protocol_error")


async def test_while_stopping_nothing_is_asked(api: RunningApi) -> None:
    api.fakes.daemon.stopping = True
    assert (await api.post("/hob/v1/tokenize", {"text": "a"})).status == 503
    assert not api.fakes.models.calls


async def test_a_full_queue_says_when_to_come_back(api: RunningApi) -> None:
    api.fakes.models.problem = Overloaded("Full.", retry_after=1.5)
    reply = await api.post("/hob/v1/tokenize", {"text": "a"})
    assert (reply.status, reply.headers["Retry-After"]) == (429, "2")
