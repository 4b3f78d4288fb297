"""Sampling: every field reaches the model, and nothing that is out of range does."""

from __future__ import annotations

from typing import Any

import pytest

from fakes.running_api import RunningApi
from hob.wire.openai.sampling import SamplingFields
from hob.wire.sampling import MAX_BREAKER_CHARS, MAX_BREAKERS, Sampling

# What a client sends, and what the model gets.
FIELDS: list[tuple[str, Any, Any]] = [
    ("seed", 7, 7),
    ("seed", -1, 2**32 - 1),
    ("temperature", 0.5, 0.5),
    ("dynatemp_range", 0.25, 0.25),
    ("dynatemp_exponent", 2, 2.0),
    ("top_k", 3, 3),
    ("top_k", -1, 0),
    ("top_p", 0.5, 0.5),
    ("min_p", 0.25, 0.25),
    ("typical_p", 0.5, 0.5),
    ("top_n_sigma", 1.5, 1.5),
    ("top_n_sigma", -1, 0.0),
    ("xtc_probability", 0.5, 0.5),
    ("xtc_threshold", 0.25, 0.25),
    ("dry_multiplier", 0.5, 0.5),
    ("dry_base", 2, 2.0),
    ("dry_allowed_length", 5, 5),
    ("dry_penalty_last_n", 9, 9),
    ("dry_penalty_last_n", -1, 65_536),
    ("dry_sequence_breakers", ["\n", "", "."], ("\n", ".")),
    ("dry_sequence_breakers", [], ()),
    ("mirostat", 2, 2),
    ("mirostat_tau", 4, 4.0),
    ("mirostat_eta", 0.5, 0.5),
    ("repeat_penalty", 1.5, 1.5),
    ("repeat_last_n", 32, 32),
    ("repeat_last_n", -1, 65_536),
    ("frequency_penalty", 1, 1.0),
    ("presence_penalty", -1, -1.0),
    ("logit_bias", {"42": -100, "7": 1.5}, {42: -100.0, 7: 1.5}),
    ("logit_bias", [[42, -1.5], [7, False]], {42: -1.5, 7: -100.0}),
    ("ignore_eos", True, True),
    ("samplers", ["top_k", "temperature"], ("top_k", "temperature")),
    ("samplers", [], ()),
]


@pytest.mark.parametrize(("name", "sent", "meant"), FIELDS)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions"])
async def test_a_sampling_field_reaches_the_model(
    api: RunningApi, path: str, name: str, sent: Any, meant: Any
) -> None:
    needed = {"prompt": "a", "messages": [{"role": "user", "content": "Hi"}]}
    reply = await api.post(path, needed | {name: sent})
    assert reply.status == 200, reply.body
    assert api.fakes.models.requests[0].sampling == Sampling(**{name: meant})


def test_every_sampling_field_is_tried() -> None:
    assert {name for name, _, _ in FIELDS} == set(SamplingFields.__struct_fields__)
    assert set(SamplingFields.__struct_fields__) == set(Sampling.__struct_fields__)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", -0.1),
        ("dynatemp_range", 101),
        ("top_k", -2),
        ("top_p", 1.1),
        ("typical_p", -1),
        ("top_n_sigma", -2),
        ("xtc_probability", 2),
        ("dry_base", 0.5),
        ("dry_allowed_length", -1),
        ("dry_penalty_last_n", 2**31),
        ("dry_sequence_breakers", ["x"] * (MAX_BREAKERS + 1)),
        ("dry_sequence_breakers", ["x" * (MAX_BREAKER_CHARS + 1)]),
        ("mirostat", 3),
        ("mirostat_tau", -1),
        ("repeat_penalty", 0),
        ("repeat_last_n", -2),
        ("frequency_penalty", 3),
        ("seed", 1.5),
        ("logit_bias", {"x": 1}),
        ("logit_bias", {"42": 101}),
        ("logit_bias", [["Hello", 1]]),
        ("logit_bias", [[42, True]]),
        ("logit_bias", [[-1, 1]]),
        ("logit_bias", [[1, 1]] * 4_097),
        ("ignore_eos", "yes"),
        ("samplers", ["top_k", "top_k"]),
        ("samplers", ["magic"]),
    ],
)
async def test_sampling_that_cannot_be_done_is_refused_by_name(
    api: RunningApi, name: str, value: Any
) -> None:
    reply = await api.chat(**{name: value})
    assert (reply.status, reply.error["code"]) == (400, "invalid_request")
    assert reply.error["param"] == name
    assert not api.fakes.models.requests
