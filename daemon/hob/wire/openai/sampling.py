"""How the next token is drawn, under the names that OpenAI and llama-server give to it."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from hob.wire.base import Value
from hob.wire.sampling import SamplerName

MAX_LOGIT_BIAS = 4_096
MAX_TOKEN_ID = 2**31 - 1

Probability = Annotated[float, Meta(ge=0, le=1)]
Penalty = Annotated[float, Meta(ge=-2, le=2)]
Amount = Annotated[float, Meta(ge=0, le=100)]
Lookback = Annotated[int, Meta(ge=-1, le=65_536)]
TokenId = Annotated[int, Meta(ge=0, le=MAX_TOKEN_ID)]
Bias = Annotated[float, Meta(ge=-100, le=100)]


class SamplingFields(Value, frozen=True):
    """See hob.wire.sampling for what each does; a field that is left out has its default there.

    -1 turns `top_k` and `top_n_sigma` off, and as `repeat_last_n` and `dry_penalty_last_n` takes
    the longest window. `seed` is any integer: its low 32 bits count, and each further choice adds
    one. `logit_bias` is OpenAI's object or llama-server's list of pairs, in which false forbids the
    token.
    """

    seed: int | None = None
    temperature: Amount | None = None
    dynatemp_range: Amount | None = None
    dynatemp_exponent: Amount | None = None
    top_k: Annotated[int, Meta(ge=-1, le=1_000_000)] | None = None
    top_p: Probability | None = None
    min_p: Probability | None = None
    typical_p: Probability | None = None
    top_n_sigma: Annotated[float, Meta(ge=-1, le=100)] | None = None
    xtc_probability: Probability | None = None
    xtc_threshold: Probability | None = None
    dry_multiplier: Amount | None = None
    dry_base: Annotated[float, Meta(ge=1, le=100)] | None = None
    dry_allowed_length: Annotated[int, Meta(ge=0, le=65_536)] | None = None
    dry_penalty_last_n: Lookback | None = None
    dry_sequence_breakers: list[str] | None = None
    mirostat: Literal[0, 1, 2] | None = None
    mirostat_tau: Amount | None = None
    mirostat_eta: Amount | None = None
    repeat_penalty: Annotated[float, Meta(gt=0, le=100)] | None = None
    repeat_last_n: Lookback | None = None
    frequency_penalty: Penalty | None = None
    presence_penalty: Penalty | None = None
    logit_bias: dict[str, Bias] | list[tuple[TokenId, Bias | bool]] | None = None
    ignore_eos: bool | None = None
    samplers: list[SamplerName] | None = None
