"""Thinking: how much of it, and how it is told apart from the answer."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from fakes.ports import delta, finished
from fakes.running_api import RunningApi
from hob.wire.chat import ChatMessage, Reasoning


@pytest.mark.parametrize(
    ("fields", "meant"),
    [
        ({}, Reasoning()),
        ({"reasoning_effort": "none"}, Reasoning(enabled=False, effort="none")),
        ({"reasoning_effort": "minimal"}, Reasoning(enabled=True, effort="minimal")),
        ({"reasoning_effort": "high"}, Reasoning(enabled=True, effort="high")),
        ({"reasoning": {"effort": "low"}}, Reasoning(enabled=True, effort="low")),
        ({"reasoning": {"enabled": False}}, Reasoning(enabled=False)),
        ({"reasoning": {"max_tokens": 9}}, Reasoning(budget=9)),
        (
            {"reasoning": {"effort": "low", "enabled": False}, "reasoning_effort": "high"},
            Reasoning(enabled=True, effort="high"),
        ),
        ({"chat_template_kwargs": {"enable_thinking": False}}, Reasoning(enabled=False)),
        (
            {"chat_template_kwargs": {"enable_thinking": False}, "reasoning_effort": "low"},
            Reasoning(enabled=True, effort="low"),
        ),
        ({"reasoning_budget": 0}, Reasoning(budget=0)),
        ({"reasoning_budget": -1}, Reasoning()),
        ({"thinking_budget": 12}, Reasoning(budget=12)),
        ({"thinking_budget": 12, "reasoning_budget": 12}, Reasoning(budget=12)),
        ({"reasoning_format": "none"}, Reasoning(separate=False)),
        ({"reasoning_format": "deepseek"}, Reasoning()),
    ],
)
async def test_how_much_to_think_reaches_the_model(
    api: RunningApi, fields: dict[str, Any], meant: Reasoning
) -> None:
    assert (await api.chat(**fields)).status == 200
    assert api.fakes.models.requests[0].reasoning == meant


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"reasoning_effort": "huge"}, "reasoning_effort"),
        ({"reasoning": {"effort": "huge"}}, "reasoning"),
        ({"reasoning_budget": -2}, "reasoning_budget"),
        ({"reasoning_budget": 1, "thinking_budget": 2}, "reasoning_budget"),
        ({"reasoning_format": "xml"}, "reasoning_format"),
        ({"chat_template_kwargs": {"messages": []}}, "chat_template_kwargs"),
        ({"chat_template_kwargs": {"a b": 1}}, "chat_template_kwargs"),
        ({"chat_template_kwargs": {f"v{n}": 1 for n in range(65)}}, "chat_template_kwargs"),
        ({"chat_template_kwargs": {"a": "x" * 65_536}}, "chat_template_kwargs"),
        ({"chat_template_kwargs": {"a": 2**64}}, "chat_template_kwargs"),
    ],
)
async def test_what_no_model_can_be_told_is_refused_by_name(
    api: RunningApi, fields: dict[str, Any], param: str
) -> None:
    reply = await api.chat(**fields)
    assert (reply.status, reply.error["code"]) == (400, "invalid_request")
    assert reply.error["param"] == param
    assert not api.fakes.models.requests


async def test_values_for_the_chat_template_reach_it_as_they_are(api: RunningApi) -> None:
    values = {"enable_thinking": True, "tone": {"formal": [1, 2.5, None]}}
    assert (await api.chat(chat_template_kwargs=values)).status == 200
    assert api.fakes.models.requests[0].template_values == values


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
async def test_what_an_assistant_thought_is_part_of_the_conversation(
    api: RunningApi, name: str
) -> None:
    messages = [
        {"role": "user", "content": "Hi", name: "not mine to think"},
        {"role": "assistant", "content": "Ho", name: "A greeting."},
        {"role": "assistant", "content": None, name: "Cut short."},
    ]
    assert (await api.chat(messages=messages)).status == 200
    assert api.fakes.models.requests[0].messages == (
        ChatMessage(role="user", content="Hi"),
        ChatMessage(role="assistant", content="Ho", reasoning="A greeting."),
        ChatMessage(role="assistant", reasoning="Cut short."),
    )


async def test_thoughts_are_told_apart_from_the_answer(api: RunningApi) -> None:
    end = finished("", 5)
    usage = msgspec.structs.replace(end.usage, reasoning_tokens=3)
    end = msgspec.structs.replace(end, usage=usage)
    api.fakes.models.steps = [delta(reasoning="Hm"), delta(reasoning=", so"), "Ho", end]
    reply = (await api.chat()).json()
    message = reply["choices"][0]["message"]
    assert (message["reasoning_content"], message["content"]) == ("Hm, so", "Ho")
    assert reply["usage"]["completion_tokens_details"]["reasoning_tokens"] == 3
    *chunks, _ = (await api.chat(stream=True)).events()
    assert [chunk["choices"][0]["delta"] for chunk in chunks[1:-1]] == [
        {"reasoning_content": "Hm"},
        {"reasoning_content": ", so"},
        {"content": "Ho"},
    ]


async def test_plain_completions_keep_everything_in_the_text(api: RunningApi) -> None:
    await api.post("/v1/completions", {"prompt": "a"})
    assert not api.fakes.models.requests[0].reasoning.separate
