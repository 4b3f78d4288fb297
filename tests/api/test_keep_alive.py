"""How long requests want their models to stay, and loads that are cancelled."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.running_api import RunningApi
from hob.api.keep_alive import keep_alive_of
from hob.errors import InvalidRequest
from hob.wire.calls import Embedded, PlainText, Prefilled, Ranked, Rendered, Tokens
from hob.wire.models import LoadCancelled

MESSAGES = [{"role": "user", "content": "Hello"}]


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (None, None),
        (300, 300),
        (0, 0),
        (-1, -1),
        (1.5, 1.5),
        ("5m", 300),
        ("1h30m", 5_400),
        ("300ms", 0.3),
        ("0", 0),
        ("-1", -1),
        ("-1m", -60),
        (" 24h ", 86_400),
        ("1.5h", 5_400),
        ("90", 90),
    ],
)
def test_numbers_and_durations_are_seconds(given: float | str | None, seconds: float) -> None:
    assert keep_alive_of(given) == seconds


@pytest.mark.parametrize(
    "given", ["", "-", "m", "5 m", "5d", "1h-5m", "forever", "1e3", "٣s", "9" * 70, math.inf]
)
def test_what_is_no_duration_is_refused(given: float | str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        keep_alive_of(given)
    assert refused.value.param == "keep_alive"


@given(st.text(max_size=80) | st.floats())
def test_any_value_is_a_finite_number_or_refused(given: float | str) -> None:
    try:
        seconds = keep_alive_of(given)
    except InvalidRequest:
        return
    assert seconds is not None
    assert math.isfinite(seconds)


@pytest.mark.parametrize(
    ("route", "body", "result"),
    [
        ("/v1/chat/completions", {"messages": MESSAGES}, None),
        ("/v1/completions", {"prompt": "Hello", "n": 2}, None),
        ("/hob/v1/infill", {"prefix": "a", "suffix": "b"}, None),
        ("/v1/embeddings", {"input": "x"}, Embedded(vectors=(bytes(4),), tokens=(1,))),
        ("/v1/rerank", {"query": "x", "documents": ["y"]}, Ranked(scores=(1.0,), tokens=(1,))),
        ("/hob/v1/prefill", {"prompt": "x"}, Prefilled(prompt_tokens=1, cached_tokens=0)),
        ("/hob/v1/tokenize", {"text": "x"}, Tokens(tokens=(1,), pieces=(b"x",))),
        ("/hob/v1/detokenize", {"tokens": [1]}, PlainText(text="x")),
        ("/hob/v1/count-tokens", {"prompt": "x"}, Rendered(text="x", tokens=(1,))),
    ],
)
async def test_every_body_takes_it(
    api: RunningApi, route: str, body: dict[str, Any], result: Any
) -> None:
    models = api.fakes.models
    models.results = [result] * 3
    for wish in ("5m", None, 0):
        models.kept.clear()
        reply = await api.post(route, {**body, "model": "tiny", "keep_alive": wish})
        assert reply.status == 200, reply.body
        assert set(models.kept) == {keep_alive_of(wish)}
    reply = await api.post(route, {**body, "model": "tiny", "keep_alive": "soon"})
    assert reply.status == 400
    assert b"keep_alive" in reply.body


async def test_a_load_can_be_cancelled(api: RunningApi) -> None:
    reply = await api.post("/hob/v1/models/cancel", {"model": "big"})
    assert msgspec.json.decode(reply.body, type=LoadCancelled).cancelled
    assert api.fakes.models.used == ["cancel big"]
