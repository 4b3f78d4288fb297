"""What no type can say about sampling values is refused with the name of the field."""

from __future__ import annotations

import math

import pytest
from msgspec.structs import replace

from hob.engine.sampling import check_sampling
from hob.errors import InvalidRequest
from hob.wire.sampling import DEFAULT_SAMPLERS, MAX_BREAKER_CHARS, MAX_BREAKERS, Sampling

SIZE = 100
FLOATS = [
    name for name in Sampling.__struct_fields__ if isinstance(getattr(Sampling(), name), float)
]


def refused_field(sampling: Sampling) -> str | None:
    """The field that the refusal names."""
    with pytest.raises(InvalidRequest) as refused:
        check_sampling(sampling, SIZE)
    assert refused.value.hint
    return refused.value.param


def test_the_defaults_are_accepted() -> None:
    check_sampling(Sampling(), SIZE)


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_refused(name: str, value: float) -> None:
    assert refused_field(replace(Sampling(), **{name: value})) == name


@pytest.mark.parametrize("token", [-1, SIZE])
def test_a_bias_for_no_token_of_the_model_is_refused(token: int) -> None:
    assert refused_field(Sampling(logit_bias={token: 1.0})) == "logit_bias"


def test_a_bias_that_is_no_number_is_refused() -> None:
    assert refused_field(Sampling(logit_bias={1: math.nan})) == "logit_bias"


def test_an_infinite_bias_forbids_or_forces_and_is_accepted() -> None:
    check_sampling(Sampling(logit_bias={0: -math.inf, SIZE - 1: math.inf}), SIZE)


def test_a_sampler_named_twice_is_refused() -> None:
    assert refused_field(Sampling(samplers=("top_k", "min_p", "top_k"))) == "samplers"


def test_samplers_in_any_order_and_none_at_all_are_accepted() -> None:
    check_sampling(Sampling(samplers=DEFAULT_SAMPLERS[::-1]), SIZE)
    check_sampling(Sampling(samplers=()), SIZE)


def test_a_penalty_that_overflows_single_precision_is_refused() -> None:
    assert refused_field(Sampling(repeat_penalty=1e-40)) == "repeat_penalty"


@pytest.mark.parametrize(
    "breakers",
    [
        ("",),
        ("a\0b",),
        ("\ud800",),
        ("x" * (MAX_BREAKER_CHARS + 1),),
        # llama.cpp counts bytes, and would cut this in the middle of a character.
        ("é" * (MAX_BREAKER_CHARS // 2 + 1),),
        ("x",) * (MAX_BREAKERS + 1),
    ],
)
def test_a_breaker_that_llama_cpp_would_cut_or_skip_is_refused(breakers: tuple[str, ...]) -> None:
    assert refused_field(Sampling(dry_sequence_breakers=breakers)) == "dry_sequence_breakers"


def test_the_largest_breakers_are_accepted() -> None:
    check_sampling(
        Sampling(dry_sequence_breakers=("é" * (MAX_BREAKER_CHARS // 2),) * MAX_BREAKERS), SIZE
    )
