"""Generated requests: whatever the body says, the API answers, and never with a 500."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.running_api import Response, RunningApi, running_api
from hob.wire.engine import Generate, to_worker_decoder
from hob.wire.openai.requests import ChatCompletionRequest, CompletionRequest

NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | NUMBERS | st.text(max_size=20)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=10,
)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "user", "assistant", "tool", "wizard"])},
        optional={"content": st.text(max_size=20) | ANYTHING, "tool_calls": ANYTHING},
    ),
    max_size=4,
)
SCHEMAS = st.sampled_from([{}, {"type": "object"}, True]) | ANYTHING
FUNCTIONS = st.fixed_dictionaries(
    {"name": st.text(max_size=5) | st.sampled_from(["a", "b"])}, optional={"parameters": SCHEMAS}
)
TOOLS = st.lists(
    st.fixed_dictionaries({"type": st.just("function"), "function": FUNCTIONS}), max_size=3
)
NEAR: dict[str, st.SearchStrategy[Any]] = {
    "messages": MESSAGES,
    "prompt": st.text() | st.lists(st.text() | st.integers() | st.lists(st.integers())),
    "n": st.integers(-1, 9),
    "best_of": st.integers(-1, 21),
    "logprobs": st.integers(-1, 21) | st.booleans(),
    "top_logprobs": st.integers(-1, 21),
    "stop": st.text() | st.lists(st.text(), max_size=20),
    "temperature": st.floats(-1, 101),
    "top_p": st.floats(-1, 2),
    "max_tokens": st.integers(-1, 2**33),
    "logit_bias": st.dictionaries(st.text() | st.integers().map(str), NUMBERS)
    | st.lists(st.tuples(st.integers(), NUMBERS | st.booleans())),
    "stream_options": st.fixed_dictionaries({}, optional={"include_usage": st.booleans()}),
    "tools": TOOLS,
    "functions": st.lists(FUNCTIONS, max_size=3),
    "tool_choice": st.sampled_from(["auto", "none", "required", "x"]),
    "response_format": st.fixed_dictionaries(
        {"type": st.sampled_from(["text", "json_object", "json_schema", "x"])},
        optional={"json_schema": st.fixed_dictionaries({"schema": SCHEMAS})},
    ),
    "json_schema": SCHEMAS,
    "guided_json": SCHEMAS | st.text(),
    "grammar": st.text(),
    "lora": st.lists(st.fixed_dictionaries({"name": st.text()}), max_size=2),
    "chat_template_kwargs": st.dictionaries(st.text(max_size=5), ANYTHING, max_size=3),
    "reasoning": st.fixed_dictionaries({}, optional={"max_tokens": st.integers(-2, 2**40)}),
}


def _bodies(shape: type[msgspec.Struct], needed: str) -> st.SearchStrategy[dict[str, Any]]:
    fields = {
        name: NEAR.get(name, ANYTHING) | ANYTHING
        for name in shape.__struct_fields__
        if name != needed
    }
    return st.fixed_dictionaries({needed: NEAR[needed]}, optional=fields)


@asynccontextmanager
async def _fresh() -> AsyncIterator[RunningApi]:
    with tempfile.TemporaryDirectory(prefix="hob") as folder:
        async with running_api(Path(folder)) as api:
            yield api


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as made:
        yield made


@pytest.fixture(scope="module")
def shared(runner: asyncio.Runner) -> Iterator[RunningApi]:
    """One API for all examples: a fresh one for each would take most of the time."""
    context = _fresh()
    yield runner.run(context.__aenter__())
    runner.run(context.__aexit__(None, None, None))


def _check(shared: RunningApi, reply: Response) -> None:
    assert reply.status in (200, 400, 404), reply.body
    if reply.status != 200:
        assert reply.error["message"]
        assert reply.error["code"] != "internal"
    elif reply.headers["Content-Type"] == "text/event-stream":
        assert reply.events()[-1] == "[DONE]"
    else:
        assert reply.json()["choices"]
    assert shared.fakes.models.live == 0
    # Whatever gets through can be sent to a worker, and is what the worker expects.
    for request in shared.fakes.models.requests:
        sent = Generate(request=request)
        assert to_worker_decoder.decode(msgspec.msgpack.encode(sent)) == sent
    shared.fakes.models.requests.clear()


@settings(max_examples=150, deadline=None)
@given(body=_bodies(ChatCompletionRequest, "messages"))
def test_any_chat_body_is_answered(
    runner: asyncio.Runner, shared: RunningApi, body: dict[str, Any]
) -> None:
    _check(shared, runner.run(shared.post("/v1/chat/completions", body)))


@settings(max_examples=150, deadline=None)
@given(body=_bodies(CompletionRequest, "prompt"))
def test_any_completion_body_is_answered(
    runner: asyncio.Runner, shared: RunningApi, body: dict[str, Any]
) -> None:
    _check(shared, runner.run(shared.post("/v1/completions", body)))


@settings(max_examples=150, deadline=None)
@given(
    path=st.sampled_from(
        [
            "/v1/chat/completions",
            "/hob/v1/models/load",
            "/hob/v1/models/pull",
            "/hob/v1/api",
            "/hob/v1/stop",
        ]
    ),
    body=st.binary(max_size=200) | ANYTHING.map(msgspec.json.encode),
)
def test_any_bytes_are_answered(
    runner: asyncio.Runner, shared: RunningApi, path: str, body: bytes
) -> None:
    headers = {"Content-Type": "application/json"}
    reply = runner.run(shared.request("POST", path, data=body, headers=headers))
    assert reply.status in (200, 400, 404, 409, 503), reply.body
    assert b'"internal"' not in reply.body
    shared.fakes.daemon.stopping = False
