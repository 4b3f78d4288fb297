"""What a sampling value must be besides what its types say. Pure."""

from __future__ import annotations

import math

from hob.errors import InvalidRequest
from hob.wire.sampling import MAX_BREAKER_CHARS, MAX_BREAKERS, Sampling

# Logits are divided by it in single precision, and must stay finite.
_LEAST_REPEAT_PENALTY = 0.01


def check_sampling(sampling: Sampling, vocab_size: int) -> None:
    """Raises InvalidRequest for what cannot be applied, naming the field."""
    for name in Sampling.__struct_fields__:
        value = getattr(sampling, name)
        if isinstance(value, float) and not math.isfinite(value):
            raise InvalidRequest(
                f"{name} is not a finite number.",
                hint="Send a number, or leave it out.",
                param=name,
            )
    _check_penalty(sampling)
    _check_bias(sampling, vocab_size)
    _check_samplers(sampling)
    _check_breakers(sampling)


def _check_penalty(sampling: Sampling) -> None:
    if sampling.repeat_penalty < _LEAST_REPEAT_PENALTY:
        raise InvalidRequest(
            "repeat_penalty is so small that no probabilities can be computed.",
            hint=f"Send {_LEAST_REPEAT_PENALTY} or more; 1 turns it off.",
            param="repeat_penalty",
        )


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
    if len(breakers) > MAX_BREAKERS or not all(map(_is_breaker, breakers)):
        raise InvalidRequest(
            "A DRY sequence breaker is empty, too long or no text, or there are too many.",
            hint=f"Send at most {MAX_BREAKERS}, each of 1 to {MAX_BREAKER_CHARS} bytes of UTF-8.",
            param="dry_sequence_breakers",
        )


def _is_breaker(text: str) -> bool:
    """llama.cpp cuts a breaker after so many bytes, in the middle of a character if need be, and
    ends it at a NUL."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return False
    return 0 < size <= MAX_BREAKER_CHARS and "\0" not in text
