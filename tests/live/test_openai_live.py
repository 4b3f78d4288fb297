"""The OpenAI dialect against the real daemon and the real model, through the real SDK."""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path
from typing import Any

import openai
import pydantic
import pytest

from live_daemon import LiveDaemon, starter_model

FRANCE: list[Any] = [
    {"role": "user", "content": "What is the capital of France? Answer in one word."}
]
STORY = "Once upon a time"
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 20}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


@pytest.fixture
def sdk(shared_daemon: LiveDaemon) -> openai.OpenAI:
    return shared_daemon.openai()


def _complete(sdk: openai.OpenAI, **fields: Any) -> Any:
    create: Any = sdk.completions.create
    return create(**{"model": "", "prompt": STORY, "temperature": 0, "max_tokens": 8} | fields)


def _chat(sdk: openai.OpenAI, **fields: Any) -> Any:
    create: Any = sdk.chat.completions.create
    return create(**{"model": "", "messages": FRANCE, "temperature": 0, "max_tokens": 24} | fields)


def test_several_answers_with_a_seed_are_the_same_again(sdk: openai.OpenAI) -> None:
    fields: dict[str, Any] = {"n": 3, "seed": 5, "temperature": 1.2}
    first = [choice.text for choice in _complete(sdk, **fields).choices]
    assert [choice.text for choice in _complete(sdk, **fields).choices] == first
    assert len(set(first)) > 1


def test_one_candidate_leaves_nothing_to_chance(sdk: openai.OpenAI) -> None:
    greedy = _complete(sdk).choices[0].text
    only = _complete(sdk, temperature=2, extra_body={"top_k": 1, "samplers": ["top_k"]})
    assert only.choices[0].text == greedy


def test_a_forbidden_token_does_not_come(sdk: openai.OpenAI) -> None:
    """Among the tokens from 9 to 1000 are all of the frequent ones of the vocabulary."""
    bias = {str(token): -100 for token in range(9, 1000)}
    assert _complete(sdk, logit_bias=bias).choices[0].text != _complete(sdk).choices[0].text


def test_an_answer_that_may_not_end_goes_on_to_its_limit(sdk: openai.OpenAI) -> None:
    reply = _chat(sdk, max_tokens=40, extra_body={"ignore_eos": True})
    assert reply.choices[0].finish_reason == "length"
    assert reply.usage.completion_tokens == 40


def test_a_repetition_penalty_changes_a_repetition(sdk: openai.OpenAI) -> None:
    prompt = "a b a b a b a b a b a b"
    plain = _complete(sdk, prompt=prompt).choices[0].text
    assert plain == " a b a b a b a b"
    dry = {"dry_multiplier": 5.0, "dry_allowed_length": 1, "dry_penalty_last_n": -1}
    for fields in ({"repeat_penalty": 5.0, "repeat_last_n": -1}, dry):
        assert _complete(sdk, prompt=prompt, extra_body=fields).choices[0].text != plain


def test_the_best_of_several_answers_come_best_first_and_all_are_paid(sdk: openai.OpenAI) -> None:
    def mean(choice: Any) -> float:
        values = choice.logprobs.token_logprobs
        return float(sum(values) / len(values))

    reply = _complete(sdk, n=2, best_of=4, seed=3, temperature=1.5, logprobs=0)
    first, second = reply.choices
    assert mean(first) >= mean(second)
    told = len(first.logprobs.tokens) + len(second.logprobs.tokens)
    assert reply.usage.completion_tokens > told


def test_log_probabilities_are_those_of_the_greedy_answer(sdk: openai.OpenAI) -> None:
    [choice] = _complete(sdk, logprobs=3).choices
    logprobs = choice.logprobs
    assert choice.text
    assert "".join(logprobs.tokens) == choice.text
    for token, value, top in zip(
        logprobs.tokens, logprobs.token_logprobs, logprobs.top_logprobs, strict=True
    ):
        assert len(top) == 3
        assert value == pytest.approx(max(top.values()))
        assert top[token] == pytest.approx(value)
        assert value <= 0


def test_a_chat_s_log_probabilities_are_streamed_and_whole_the_same(sdk: openai.OpenAI) -> None:
    fields: dict[str, Any] = {"logprobs": True, "top_logprobs": 2}
    whole = _chat(sdk, **fields).choices[0].logprobs.content
    chunks = _chat(sdk, stream=True, **fields)
    streamed = [
        item
        for chunk in chunks
        for choice in chunk.choices
        if choice.logprobs
        for item in choice.logprobs.content
    ]
    assert whole
    assert [item.token for item in streamed] == [item.token for item in whole]
    assert all(len(item.top_logprobs) == 2 for item in streamed)


def test_an_echo_begins_with_the_prompt_and_rates_it(sdk: openai.OpenAI) -> None:
    [choice] = _complete(sdk, echo=True, logprobs=1).choices
    assert choice.text.startswith(STORY)
    assert len(choice.text) > len(STORY)
    assert choice.logprobs.token_logprobs[0] is None
    assert all(value <= 0 for value in choice.logprobs.token_logprobs[1:])


class Capital(pydantic.BaseModel):
    city: str = pydantic.Field(max_length=20)
    inhabitants: int = pydantic.Field(ge=0, le=99_999_999)


def test_an_answer_has_the_shape_of_a_class(sdk: openai.OpenAI) -> None:
    reply = sdk.chat.completions.parse(
        model="", messages=FRANCE, response_format=Capital, temperature=0, max_tokens=120
    )
    assert isinstance(reply.choices[0].message.parsed, Capital)


@pytest.mark.parametrize(
    ("fields", "answers"),
    [
        ({"guided_choice": ["Berlin", "Paris"]}, {"Berlin", "Paris"}),
        ({"guided_regex": "(Rome|Oslo)!"}, {"Rome!", "Oslo!"}),
        ({"grammar": 'root ::= "Rome" | "Oslo"'}, {"Rome", "Oslo"}),
        ({"guided_grammar": 'start: "Rome" | "Oslo"'}, {"Rome", "Oslo"}),
        ({"structured_outputs": {"choice": ["one", "two"]}}, {"one", "two"}),
        ({"json_schema": {"enum": [1, 2]}}, {"1", "2"}),
    ],
)
def test_an_answer_keeps_within_its_constraint(
    sdk: openai.OpenAI, fields: dict[str, Any], answers: set[str]
) -> None:
    [choice] = _chat(sdk, extra_body=fields).choices
    assert choice.message.content in answers
    assert choice.finish_reason == "stop"


def test_a_grammar_that_is_none_is_refused(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError):
        _chat(sdk, extra_body={"grammar": "root ::= ("})


def test_a_tool_that_must_be_called_is_called(sdk: openai.OpenAI) -> None:
    # Of a model as small as this one, one call is asked: of several it makes as many as it may.
    fields: dict[str, Any] = {
        "tools": [WEATHER],
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "max_tokens": 120,
    }
    [choice] = _chat(sdk, **fields).choices
    assert choice.finish_reason == "tool_calls"
    assert {call.function.name for call in choice.message.tool_calls} == {"weather"}
    with sdk.chat.completions.stream(model="", messages=FRANCE, temperature=0, **fields) as stream:
        [streamed] = stream.get_final_completion().choices
    assert streamed.message.tool_calls is not None
    [call] = streamed.message.tool_calls
    assert call.id
    assert isinstance(json.loads(call.function.arguments), dict)


def test_a_conversation_may_have_calls_and_their_results_in_it(sdk: openai.OpenAI) -> None:
    called = {"name": "weather", "arguments": '{"city": "Rome"}'}
    messages = [
        {"role": "user", "content": "What is the weather in Rome?"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "call_1", "type": "function", "function": called}],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "Sunny, 30 degrees."},
    ]
    [choice] = _chat(sdk, messages=messages, tools=[WEATHER], tool_choice="none").choices
    assert choice.message.content
    assert choice.message.tool_calls is None


def test_a_prompt_that_does_not_fit_is_shortened_when_that_is_allowed(home: Path) -> None:
    messages = [
        {"role": "user", "content": "word " * 300},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": "word " * 300},
        {"role": "assistant", "content": "Yes."},
        *FRANCE,
    ]
    settings = ["engine.context_length=512", "engine.slots=1"]
    with LiveDaemon(home, models=[starter_model()], settings=settings) as daemon:
        small = daemon.openai()
        with pytest.raises(openai.BadRequestError) as caught:
            _chat(small, messages=messages, max_tokens=4)
        assert caught.value.code == "context_length_exceeded"
        reply = _chat(
            small, messages=messages, max_tokens=4, extra_body={"context_overflow": "drop_oldest"}
        )
    assert reply.usage.dropped_messages > 0
    assert reply.usage.prompt_tokens < 512


def test_a_model_without_eyes_says_so(sdk: openai.OpenAI) -> None:
    head = struct.pack("<2sIHHI", b"BM", 58, 0, 0, 54)
    bitmap = head + struct.pack("<IiiHHIIiiII", 40, 1, 1, 1, 24, 0, 4, 0, 0, 0, 0) + bytes(4)
    url = f"data:image/bmp;base64,{base64.b64encode(bitmap).decode()}"
    messages = [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": url}},
            ],
        }
    ]
    with pytest.raises(openai.BadRequestError):
        _chat(sdk, messages=messages)


def test_an_adapter_that_is_not_there_is_not_found(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        _chat(sdk, extra_body={"lora": [{"name": "no-such-style"}]})


def test_an_answer_without_thoughts_has_no_such_field(sdk: openai.OpenAI) -> None:
    reply = _chat(sdk, reasoning_effort="none")
    assert reply.choices[0].message.content
    assert "reasoning_content" not in reply.choices[0].message.model_extra
    assert reply.usage.completion_tokens_details.reasoning_tokens == 0
