"""Log probabilities, and the best of several answers."""

from __future__ import annotations

import math
from typing import Any

import pytest

from fakes.ports import PROMPT_TOKENS, Step, delta, token
from fakes.running_api import RunningApi

FOX = "🦊".encode()
HELLO: list[Step] = [
    delta("Hello", logprobs=(token("Hello", -0.5, {"Hello": -0.5, "Hi": -1.5}),)),
    delta(logprobs=(token(FOX[:2], -1.0),)),
    delta(" 🦊!", logprobs=(token(FOX[2:], -2.0, {"b": -3.0}), token("!", -math.inf))),
]
CHAT = [
    {
        "token": "Hello",
        "logprob": -0.5,
        "bytes": list(b"Hello"),
        "top_logprobs": [
            {"token": "Hello", "logprob": -0.5, "bytes": list(b"Hello")},
            {"token": "Hi", "logprob": -1.5, "bytes": list(b"Hi")},
        ],
    },
    {"token": "\ufffd", "logprob": -1.0, "bytes": list(FOX[:2]), "top_logprobs": []},
    {
        "token": "\ufffd\ufffd",
        "logprob": -2.0,
        "bytes": list(FOX[2:]),
        "top_logprobs": [{"token": "b", "logprob": -3.0, "bytes": [98]}],
    },
    {"token": "!", "logprob": -9999.0, "bytes": [33], "top_logprobs": []},
]
TEXT = {
    "tokens": ["Hello", "bytes:\\xf0\\x9f", "bytes:\\xa6\\x8a", "!"],
    "token_logprobs": [-0.5, -1.0, -2.0, -9999.0],
    "top_logprobs": [{"Hello": -0.5, "Hi": -1.5}, None, {"b": -3.0}, None],
    "text_offset": [0, 5, 5, 6],
}


async def _complete(api: RunningApi, **fields: Any) -> Any:
    return await api.post("/v1/completions", {"prompt": "a"} | fields)


@pytest.mark.parametrize(
    ("fields", "meant"),
    [
        ({}, None),
        ({"logprobs": False}, None),
        ({"logprobs": False, "top_logprobs": 0}, None),
        ({"logprobs": True}, 0),
        ({"logprobs": True, "top_logprobs": 20}, 20),
    ],
)
async def test_a_chat_asks_for_log_probabilities(
    api: RunningApi, fields: dict[str, Any], meant: int | None
) -> None:
    assert (await api.chat(**fields)).status == 200
    assert api.fakes.models.requests[0].logprobs == meant


@pytest.mark.parametrize(("sent", "meant"), [(None, None), (0, 0), (5, 5), (True, 0)])
async def test_a_completion_asks_for_log_probabilities(
    api: RunningApi, sent: Any, meant: int | None
) -> None:
    assert (await _complete(api, logprobs=sent)).status == 200
    assert api.fakes.models.requests[0].logprobs == meant


async def test_more_alternatives_than_the_engine_gives_are_refused(api: RunningApi) -> None:
    assert (await _complete(api, logprobs=21)).error["param"] == "logprobs"
    assert (await api.chat(logprobs=True, top_logprobs=21)).error["param"] == "top_logprobs"
    assert (await api.chat(logprobs=True, top_logprobs=-1)).error["param"] == "top_logprobs"
    assert (await api.chat(top_logprobs=2)).error["param"] == "top_logprobs"
    assert not api.fakes.models.requests


async def test_a_chat_tells_its_tokens_with_their_bytes(api: RunningApi) -> None:
    api.fakes.models.steps = HELLO
    [choice] = (await api.chat(logprobs=True, top_logprobs=2)).json()["choices"]
    assert choice["logprobs"] == {"content": CHAT, "refusal": None}


async def test_a_streamed_chat_tells_each_token_once(api: RunningApi) -> None:
    api.fakes.models.steps = HELLO
    *chunks, _ = (await api.chat(logprobs=True, top_logprobs=2, stream=True)).events()
    told = [chunk["choices"][0]["logprobs"] for chunk in chunks]
    assert [item for each in told if each for item in each["content"]] == CHAT
    assert chunks[1]["choices"][0]["delta"] == {"content": "Hello"}
    assert told[1]["content"] == CHAT[:1]


async def test_a_completion_tells_its_tokens_in_columns(api: RunningApi) -> None:
    api.fakes.models.steps = HELLO
    [choice] = (await _complete(api, logprobs=2)).json()["choices"]
    assert choice["logprobs"] == TEXT


async def test_a_streamed_completion_goes_on_counting_its_text(api: RunningApi) -> None:
    api.fakes.models.steps = HELLO
    *chunks, _ = (await _complete(api, logprobs=2, stream=True, n=2)).events()
    for index in (0, 1):
        choices = [chunk["choices"][0] for chunk in chunks]
        told = [each["logprobs"] for each in choices if each["index"] == index]
        joined = {name: [x for each in told if each for x in each[name]] for name in TEXT}
        assert joined == TEXT


async def test_an_echoed_prompt_has_probabilities_but_for_its_first_token(api: RunningApi) -> None:
    api.fakes.models.steps = [delta("ab", logprobs=(token("a", None), token("b", -1.0)))]
    [choice] = (await _complete(api, logprobs=0, echo=True)).json()["choices"]
    assert choice["text"] == "ab"
    assert choice["logprobs"]["token_logprobs"] == [None, -1.0]


async def test_whoever_asks_for_none_is_told_none(api: RunningApi) -> None:
    api.fakes.models.steps = HELLO
    assert (await api.chat()).json()["choices"][0]["logprobs"] is None
    *chunks, _ = (await api.chat(stream=True)).events()
    assert [c["choices"][0]["delta"].get("content") for c in chunks] == ["", "Hello", " 🦊!", None]


def _answer(text: str, *logprobs: float) -> list[Step]:
    return [delta(text, logprobs=tuple(token("x", value) for value in logprobs))]


async def test_the_best_of_several_answers_come_back_best_first(api: RunningApi) -> None:
    api.fakes.models.steps_of = {
        0: _answer("short and unlikely", -3.0),
        1: _answer("second", -0.5, -0.5, -0.5, -0.5, -0.5, -0.5, -0.5),
        2: _answer("likeliest", -0.25, -0.25),
        3: _answer(""),
    }
    reply = (await _complete(api, best_of=4, n=2, seed=1)).json()
    assert [choice["text"] for choice in reply["choices"]] == ["likeliest", "second"]
    assert [choice["index"] for choice in reply["choices"]] == [0, 1]
    assert all(choice["logprobs"] is None for choice in reply["choices"])
    # All answers were paid for, and the prompt once.
    assert reply["usage"]["completion_tokens"] == 4
    assert reply["usage"]["prompt_tokens"] == PROMPT_TOKENS
    requests = api.fakes.models.requests
    assert [request.logprobs for request in requests] == [0] * 4
    assert [request.sampling.seed for request in requests] == [1, 2, 3, 4]


async def test_the_best_are_chosen_for_each_prompt(api: RunningApi) -> None:
    api.fakes.models.steps_of = {
        0: _answer("a0", -2.0),
        1: _answer("a1", -1.0),
        2: _answer("b0", -1.0),
        3: _answer("b1", -2.0),
    }
    reply = (await _complete(api, prompt=["a", "b"], best_of=2, logprobs=3)).json()
    assert [choice["text"] for choice in reply["choices"]] == ["a1", "b0"]
    assert reply["choices"][0]["logprobs"]["token_logprobs"] == [-1.0]
    assert {request.logprobs for request in api.fakes.models.requests} == {3}


async def test_an_echoed_prompt_does_not_count_for_the_choice(api: RunningApi) -> None:
    prompt = [-9.0] * PROMPT_TOKENS
    api.fakes.models.steps_of = {
        0: _answer("one token", *prompt, -0.5),
        1: _answer("more tokens", *prompt, -1.0, -1.0, -1.0, -1.0),
    }
    reply = (await _complete(api, best_of=2, echo=True)).json()
    assert [choice["text"] for choice in reply["choices"]] == ["one token"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"best_of": 1, "n": 2}, "best_of"),
        ({"best_of": 2, "stream": True}, "best_of"),
        ({"best_of": 0}, "best_of"),
        ({"best_of": 21}, "best_of"),
        ({"best_of": 20, "prompt": ["a", "b"]}, "prompt"),
    ],
)
async def test_a_choice_that_cannot_be_made_is_refused_by_name(
    api: RunningApi, fields: dict[str, Any], param: str
) -> None:
    reply = await _complete(api, **fields)
    assert (reply.status, reply.error["param"]) == (400, param)
    assert not api.fakes.models.requests


async def test_as_many_as_are_wanted_leave_nothing_to_choose_and_may_stream(
    api: RunningApi,
) -> None:
    *_, done = (await _complete(api, best_of=2, n=2, stream=True)).events()
    assert done == "[DONE]"
    assert {request.logprobs for request in api.fakes.models.requests} == {None}
