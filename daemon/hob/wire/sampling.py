"""How the next token is drawn. Names, ranges and the order of the chain are llama.cpp's."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from msgspec import Meta

from hob.wire.base import Value

SamplerName = Literal[
    "penalties",
    "dry",
    "top_n_sigma",
    "top_k",
    "typ_p",
    "top_p",
    "min_p",
    "xtc",
    "temperature",
]
# llama.cpp's order.
DEFAULT_SAMPLERS: tuple[SamplerName, ...] = get_args(SamplerName)

MAX_BREAKERS = 16
MAX_BREAKER_CHARS = 40

Fraction = Annotated[float, Meta(ge=0, le=1)]
Window = Annotated[int, Meta(ge=0, le=65_536)]


class Sampling(Value, frozen=True):
    """Logit bias, then the samplers in the order of `samplers`, then a draw by `seed`.

    `temperature` 0 takes the most likely token. `seed` None draws one. Windows are in tokens, and
    0 turns off what they belong to. A sampler that is not in `samplers` is not used. Mirostat
    takes the place of all but the penalties and the temperature. `top_n_sigma` 0 is off.
    `ignore_eos` forbids the tokens that end an answer.
    """

    temperature: Annotated[float, Meta(ge=0, le=100)] = 0.8
    dynatemp_range: Annotated[float, Meta(ge=0, le=100)] = 0.0
    dynatemp_exponent: Annotated[float, Meta(ge=0, le=100)] = 1.0
    top_k: Annotated[int, Meta(ge=0, le=1_000_000)] = 40
    top_p: Fraction = 0.95
    min_p: Fraction = 0.05
    typical_p: Fraction = 1.0
    top_n_sigma: Annotated[float, Meta(ge=0, le=100)] = 0.0
    xtc_probability: Fraction = 0.0
    xtc_threshold: Fraction = 0.1
    dry_multiplier: Annotated[float, Meta(ge=0, le=100)] = 0.0
    dry_base: Annotated[float, Meta(ge=1, le=100)] = 1.75
    dry_allowed_length: Annotated[int, Meta(ge=0, le=65_536)] = 2
    dry_penalty_last_n: Window = 4096
    dry_sequence_breakers: tuple[str, ...] = ("\n", ":", '"', "*")
    mirostat: Literal[0, 1, 2] = 0
    mirostat_tau: Annotated[float, Meta(ge=0, le=100)] = 5.0
    mirostat_eta: Annotated[float, Meta(ge=0, le=100)] = 0.1
    repeat_penalty: Annotated[float, Meta(gt=0, le=100)] = 1.0
    repeat_last_n: Window = 64
    frequency_penalty: Annotated[float, Meta(ge=-2, le=2)] = 0.0
    presence_penalty: Annotated[float, Meta(ge=-2, le=2)] = 0.0
    seed: Annotated[int, Meta(ge=0, le=2**32 - 1)] | None = None
    logit_bias: dict[int, float] = {}
    ignore_eos: bool = False
    samplers: tuple[SamplerName, ...] = DEFAULT_SAMPLERS
