"""Sampler chains: from logits to the next token, in native code."""

from __future__ import annotations

import math
import secrets
from collections.abc import Sequence

from hob.engine.native.context import Context
from hob.engine.native.library import lib
from hob.engine.native.owner import Owner
from hob.engine.runtime import Draw
from hob.wire.generate import Sampling

# llama.cpp reads this seed as "draw one", which would make an explicit seed random.
_RANDOM_SEED = 2**32 - 1


class SamplerChain(Owner):
    """One sequence's sampler with its own random state and penalty window.

    The order is llama.cpp's: logit bias, penalties, top-k, top-p, min-p, temperature, draw.
    """

    def __init__(
        self, context: Context, vocab_size: int, sampling: Sampling, prompt: Sequence[int]
    ) -> None:
        self._context = context
        params = lib.llama_sampler_chain_default_params()
        params.no_perf = True
        self._pointer: int | None = lib.llama_sampler_chain_init(params)
        self._build(vocab_size, sampling)
        if _penalises(sampling):
            for token in prompt[-sampling.repeat_last_n :]:
                lib.llama_sampler_accept(self._pointer, token)

    def _build(self, vocab_size: int, sampling: Sampling) -> None:
        if sampling.logit_bias:
            biases = (lib.llama_logit_bias * len(sampling.logit_bias))(
                *(lib.llama_logit_bias(token, bias) for token, bias in sampling.logit_bias.items())
            )
            self._add(lib.llama_sampler_init_logit_bias(vocab_size, len(biases), biases))
        if _penalises(sampling):
            self._add(
                lib.llama_sampler_init_penalties(
                    vocab_size,
                    sampling.repeat_last_n,
                    sampling.repeat_penalty,
                    sampling.frequency_penalty,
                    sampling.presence_penalty,
                )
            )
        if sampling.temperature == 0:
            self._add(lib.llama_sampler_init_greedy())
            return
        if sampling.top_k:
            self._add(lib.llama_sampler_init_top_k(sampling.top_k))
        if sampling.top_p < 1:
            self._add(lib.llama_sampler_init_top_p(sampling.top_p, 1))
        if sampling.min_p > 0:
            self._add(lib.llama_sampler_init_min_p(sampling.min_p, 1))
        if not math.isclose(sampling.temperature, 1):
            self._add(lib.llama_sampler_init_temp(sampling.temperature))
        self._add(lib.llama_sampler_init_dist(_seed(sampling)))

    def _add(self, sampler: int) -> None:
        """The chain takes over the sampler and frees it."""
        lib.llama_sampler_chain_add(self._pointer, sampler)

    def sample(self, index: int) -> Draw:
        """Draw from the logits at `index` of the last batch, and remember the token."""
        return Draw(int(lib.llama_sampler_sample(self._pointer, self._context.pointer, index)))

    def accept(self, token: int) -> None:
        lib.llama_sampler_accept(self._pointer, token)

    def forced(self) -> Sequence[int]:
        return ()

    def close(self) -> None:
        if self._pointer:
            lib.llama_sampler_free(self._pointer)
            self._pointer = None


def _seed(sampling: Sampling) -> int:
    if sampling.seed is None:
        return secrets.randbelow(_RANDOM_SEED)
    return sampling.seed if sampling.seed != _RANDOM_SEED else 0


def _penalises(sampling: Sampling) -> bool:
    return sampling.repeat_last_n > 0 and (
        sampling.repeat_penalty != 1
        or sampling.frequency_penalty != 0
        or sampling.presence_penalty != 0
    )
