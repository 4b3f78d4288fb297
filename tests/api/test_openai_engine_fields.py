"""Adapters, prompts that do not fit, and what the engine says at the end."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from fakes.ports import PROMPT_TOKENS, finished
from fakes.running_api import RunningApi
from hob.wire.generate import AdapterUse, Finished
from hob.wire.openai.requests import MAX_ADAPTERS

PATHS = ["/v1/chat/completions", "/v1/completions"]


async def _ask(api: RunningApi, path: str, **fields: Any) -> Any:
    needed = {"prompt": "a", "messages": [{"role": "user", "content": "Hi"}]}
    return await api.post(path, needed | fields)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("field", ["context_overflow", "truncation"])
async def test_what_to_leave_out_reaches_the_model(api: RunningApi, path: str, field: str) -> None:
    for way in ("error", "drop_oldest", "middle_out"):
        assert (await _ask(api, path, **{field: way})).status == 200
        assert api.fakes.models.requests[-1].overflow == way


async def test_two_ways_to_leave_something_out_are_refused(api: RunningApi) -> None:
    reply = await api.chat(context_overflow="drop_oldest", truncation="middle_out")
    assert (reply.status, reply.error["param"]) == (400, "truncation")
    reply = await api.chat(truncation="sometimes")
    assert (reply.status, reply.error["param"]) == (400, "truncation")


@pytest.mark.parametrize("path", PATHS)
async def test_adapters_reach_the_model_as_files_of_the_library(api: RunningApi, path: str) -> None:
    api.fakes.library.adapters = {"style": "/models/style.gguf", "law.gguf": "/models/law.gguf"}
    lora = [{"name": "style", "scale": 0.5}, {"path": "law.gguf"}]
    assert (await _ask(api, path, lora=lora, n=2)).status == 200
    for request in api.fakes.models.requests:
        assert request.adapters == (
            AdapterUse(path="/models/style.gguf", scale=0.5),
            AdapterUse(path="/models/law.gguf", scale=1.0),
        )


@pytest.mark.parametrize(
    ("lora", "status", "param"),
    [
        ([{"name": "/etc/passwd"}], 404, "lora"),
        ([{"name": "style"}, {"name": "same"}], 400, "lora"),
        ([{}], 400, "lora[0]"),
        ([{"id": 0, "scale": 1}], 400, "lora[0]"),
        ([{"name": "style", "path": "style"}], 400, "lora[0]"),
        ([{"name": "style", "scale": 101}], 400, "lora"),
        ([{"name": "style"}] * (MAX_ADAPTERS + 1), 400, "lora"),
        ([{"name": "x" * 5_000}], 400, "lora"),
    ],
)
async def test_an_adapter_that_cannot_be_used_is_refused_by_name(
    api: RunningApi, lora: Any, status: int, param: str
) -> None:
    api.fakes.library.adapters = {"style": "/models/style.gguf", "same": "/models/style.gguf"}
    reply = await api.chat(lora=lora)
    assert (reply.status, reply.error["param"]) == (status, param)
    assert not api.fakes.models.requests


def _end(**usage: int) -> Finished:
    end = finished("", 2, "length")
    return replace(end, usage=replace(end.usage, **usage))


@pytest.mark.parametrize("path", PATHS)
async def test_what_was_left_out_of_the_prompt_is_told(api: RunningApi, path: str) -> None:
    api.fakes.models.steps = [_end(dropped_tokens=40, dropped_messages=2)]
    usage = (await _ask(api, path, truncation="drop_oldest", n=2)).json()["usage"]
    assert (usage["dropped_tokens"], usage["dropped_messages"]) == (40, 2)
    api.fakes.models.steps = [_end()]
    usage = (await _ask(api, path)).json()["usage"]
    assert "dropped_tokens" not in usage
    assert "dropped_messages" not in usage
    assert usage["prompt_tokens"] == PROMPT_TOKENS


@pytest.mark.parametrize("path", PATHS)
async def test_tokens_that_were_guessed_ahead_are_told(api: RunningApi, path: str) -> None:
    api.fakes.models.steps = [_end(drafted_tokens=9, accepted_tokens=5)]
    details = (await _ask(api, path)).json()["usage"]["completion_tokens_details"]
    assert details["accepted_prediction_tokens"] == 5
    assert details["rejected_prediction_tokens"] == 4


@pytest.mark.parametrize("path", PATHS)
async def test_an_answer_that_the_context_has_ended_says_so(api: RunningApi, path: str) -> None:
    api.fakes.models.steps = ["a", replace(_end(), context_full=True)]
    [choice] = (await _ask(api, path)).json()["choices"]
    assert (choice["finish_reason"], choice["context_full"]) == ("length", True)
    *chunks, _ = (await _ask(api, path, stream=True)).events()
    assert chunks[-1]["choices"][0]["context_full"] is True
    assert all("context_full" not in chunk["choices"][0] for chunk in chunks[:-1])
    api.fakes.models.steps = ["a", "length"]
    assert "context_full" not in (await _ask(api, path)).json()["choices"][0]


@pytest.mark.parametrize("path", ["infill", "prefill", "count-tokens", "apply-template"])
async def test_no_route_takes_an_adapter_from_outside_the_library(
    api: RunningApi, path: str
) -> None:
    reply = await _ask(api, f"/hob/v1/{path}", prefix="a", suffix="b", lora=[{"path": "/etc/x"}])
    assert (reply.status, reply.error["param"]) == (404, "lora")
    assert not api.fakes.models.requests
    assert not api.fakes.models.calls
