"""What a sampling value must be besides what its types say. Pure."""

from __future__ import annotations

import math

from hob.errors import InvalidRequest
from hob.wire.sampling import MAX_BREAKER_CHARS, MAX_BREAKERS, Sampling


def check_sampling(sampling: Sampling, vocab_size: int) -> None:
    """Raises InvalidRequest for what cannot be applied, naming the field."""
    for name in Sampling.__struct_fields__:
        value = getattr(sampling, name)
        if isinstance(value, float) and not math.isfinite(value):
            raise InvalidRequest(f"{name} is not a finite number.", param=name)
    _check_bias(sampling, vocab_size)
    _check_samplers(sampling)
    _check_breakers(sampling)


def _check_bias(sampling: Sampling, vocab_size: int) -> None:
    for token, bias in sampling.logit_bias.items():
        if not 0 <= token < vocab_size or math.isnan(bias):
            raise InvalidRequest(
                f"logit_bias for token {token} cannot be applied.",
                hint=f"Token ids go from 0 to {vocab_size - 1}, and a bias is a number.",
                param="logit_bias",
            )


def _check_samplers(sampling: Sampling) -> None:
    if len(set(sampling.samplers)) < len(sampling.samplers):
        raise InvalidRequest(
            "A sampler is named twice.", hint="Name each at most once.", param="samplers"
        )


def _check_breakers(sampling: Sampling) -> None:
    breakers = sampling.dry_sequence_breakers
    if len(breakers) > MAX_BREAKERS or any(
        not 0 < len(breaker) <= MAX_BREAKER_CHARS or "\0" in breaker for breaker in breakers
    ):
        raise InvalidRequest(
            "A DRY sequence breaker is empty or too long, or there are too many.",
            hint=f"Send at most {MAX_BREAKERS}, each of 1 to {MAX_BREAKER_CHARS} characters.",
            param="dry_sequence_breakers",
        )
