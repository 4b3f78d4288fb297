"""What a request says of sampling, as the engine's value. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from hob.errors import InvalidRequest
from hob.wire.openai.sampling import MAX_LOGIT_BIAS, MAX_TOKEN_ID, SamplingFields
from hob.wire.sampling import MAX_BREAKER_CHARS, MAX_BREAKERS, SamplerName, Sampling

SEED_MASK = 2**32 - 1
_LONGEST_WINDOW = 65_536
_FORBIDDEN = -100.0


def sampling_of(body: SamplingFields) -> Sampling:
    """What the request says; llama.cpp's defaults for the rest. Raises InvalidRequest."""
    stated: dict[str, Any] = {
        name: value
        for name in SamplingFields.__struct_fields__
        if (value := getattr(body, name)) is not None
    }
    for name in ("top_k", "top_n_sigma"):
        if name in stated:
            stated[name] = max(stated[name], 0)
    for name in ("repeat_last_n", "dry_penalty_last_n"):
        if stated.get(name) == -1:
            stated[name] = _LONGEST_WINDOW
    if body.seed is not None:
        stated["seed"] = body.seed & SEED_MASK
    if body.logit_bias is not None:
        stated["logit_bias"] = _logit_bias(body.logit_bias)
    if body.dry_sequence_breakers is not None:
        stated["dry_sequence_breakers"] = _breakers(body.dry_sequence_breakers)
    if body.samplers is not None:
        stated["samplers"] = _samplers(body.samplers)
    return Sampling(**stated)


def reseeded(sampling: Sampling, choice: int) -> Sampling:
    """The sampling of the choice of that number: each further one has the next seed."""
    if sampling.seed is None or not choice:
        return sampling
    return msgspec.structs.replace(sampling, seed=(sampling.seed + choice) & SEED_MASK)


def _logit_bias(
    given: Mapping[str, float] | Sequence[tuple[int, float | bool]],
) -> dict[int, float]:
    if len(given) > MAX_LOGIT_BIAS:
        raise InvalidRequest(
            f"`logit_bias` names {len(given)} tokens, and at most {MAX_LOGIT_BIAS} are possible.",
            param="logit_bias",
        )
    if isinstance(given, Mapping):
        return {_token_id(key): bias for key, bias in given.items()}
    return {token: _bias(bias) for token, bias in given}


def _bias(given: float | bool) -> float:
    if given is True:
        raise InvalidRequest(
            "`logit_bias` says true of a token, which means nothing.",
            hint="It is a number, or false to forbid the token.",
            param="logit_bias",
        )
    return _FORBIDDEN if given is False else given


def _token_id(key: str) -> int:
    # No longer than the largest id: turning a huge number's digits into an int takes long.
    if key.isascii() and key.isdigit() and len(key) <= len(str(MAX_TOKEN_ID)):
        token = int(key)
        if token <= MAX_TOKEN_ID:
            return token
    raise InvalidRequest(
        f"`logit_bias` has the key {key[:40]!r}, which is not a token's number.", param="logit_bias"
    )


def _breakers(given: Sequence[str]) -> tuple[str, ...]:
    """The texts that end a repetition; empty ones can end nothing and are left out."""
    if len(given) > MAX_BREAKERS or any(len(text) > MAX_BREAKER_CHARS for text in given):
        raise InvalidRequest(
            f"`dry_sequence_breakers` may hold at most {MAX_BREAKERS} texts of at most "
            f"{MAX_BREAKER_CHARS} characters each.",
            param="dry_sequence_breakers",
        )
    return tuple(text for text in given if text)


def _samplers(given: Sequence[SamplerName]) -> tuple[SamplerName, ...]:
    if len(set(given)) < len(given):
        raise InvalidRequest(
            "`samplers` names a sampler twice.", hint="Name each at most once.", param="samplers"
        )
    return tuple(given)
