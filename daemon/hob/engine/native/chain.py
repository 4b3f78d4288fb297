"""Builds llama.cpp's sampler chains from sampling values."""

from __future__ import annotations

import ctypes
import math
import secrets
from collections.abc import Callable

from hob.engine.native.library import lib
from hob.engine.native.vocab import Vocab
from hob.wire.sampling import SamplerName, Sampling

# llama.cpp reads this seed as "draw one", which would make an explicit seed random.
_RANDOM_SEED = 2**32 - 1
# Truncating samplers leave at least so many tokens.
_MIN_KEEP = 1
# The number of tokens that mirostat 1 estimates from, as llama.cpp sets it.
_MIROSTAT_M = 100

# Native code computes in single precision, where an infinite logit makes every probability NaN,
# and then the draw takes the last candidate: the least likely one. These keep logits finite.
_MOST_BIAS = 1e6
_COLDEST = 1e-3
# Forbidden tokens have probability 0, whose logarithm makes NaN of an entropy, and which is not
# below a threshold of 0.
_POSSIBLE = 1e-30
_LEAST_THRESHOLD = 1e-9


def build_chain(sampling: Sampling, vocab: Vocab, *, forbid_end: bool = False) -> object:
    """A pointer to a llama_sampler chain, which the caller frees.

    `forbid_end` forbids every token that ends an answer.
    """
    return _Builder(sampling, vocab).build(forbid_end)


def prompt_window(sampling: Sampling) -> int:
    """How many of the last tokens the chain looks back on."""
    return max(
        sampling.repeat_last_n if _penalises(sampling) else 0,
        sampling.dry_penalty_last_n if _is_dry(sampling) else 0,
    )


class _Builder:
    """Each method adds a sampler, unless its values make it do nothing."""

    def __init__(self, sampling: Sampling, vocab: Vocab) -> None:
        self._sampling = sampling
        self._vocab = vocab
        self._seed = _seed(sampling)
        self._greedy = sampling.temperature < _COLDEST
        params = lib.llama_sampler_chain_default_params()
        params.no_perf = True
        self._chain: object = lib.llama_sampler_chain_init(params)

    def build(self, forbid_end: bool) -> object:
        self._bias(forbid_end)
        for name in self._sampling.samplers:
            if self._is_used(name):
                _STEPS[name](self)
        self._pick()
        return self._chain

    def _is_used(self, name: SamplerName) -> bool:
        """The penalties always; the rest only where something is drawn, and what truncates only
        without mirostat."""
        if name in ("penalties", "dry"):
            return True
        return not self._greedy and (name == "temperature" or not self._sampling.mirostat)

    def _add(self, sampler: object) -> None:
        """The chain takes over the sampler and frees it."""
        lib.llama_sampler_chain_add(self._chain, sampler)

    def _bias(self, forbid_end: bool) -> None:
        biases = {
            token: min(max(bias, -_MOST_BIAS), _MOST_BIAS)
            for token, bias in self._sampling.logit_bias.items()
        }
        if forbid_end:
            biases |= dict.fromkeys(self._vocab.end_tokens, -math.inf)
        if biases:
            array = (lib.llama_logit_bias * len(biases))(
                *(lib.llama_logit_bias(token, bias) for token, bias in biases.items())
            )
            self._add(lib.llama_sampler_init_logit_bias(self._vocab.size, len(biases), array))

    def penalties(self) -> None:
        s = self._sampling
        if _penalises(s):
            self._add(
                lib.llama_sampler_init_penalties(
                    self._vocab.size,
                    s.repeat_last_n,
                    s.repeat_penalty,
                    s.frequency_penalty,
                    s.presence_penalty,
                )
            )

    def dry(self) -> None:
        s = self._sampling
        if not _is_dry(s):
            return
        breakers = [breaker.encode() for breaker in s.dry_sequence_breakers]
        self._add(
            lib.llama_sampler_init_dry(
                self._vocab.pointer,
                s.dry_multiplier,
                s.dry_base,
                s.dry_allowed_length,
                s.dry_penalty_last_n,
                (ctypes.c_char_p * len(breakers))(*breakers),
                len(breakers),
            )
        )

    def top_n_sigma(self) -> None:
        if self._sampling.top_n_sigma:
            self._add(lib.llama_sampler_init_top_n_sigma(self._sampling.top_n_sigma))

    def top_k(self) -> None:
        if self._sampling.top_k:
            self._add(lib.llama_sampler_init_top_k(self._sampling.top_k))

    def typical_p(self) -> None:
        if self._sampling.typical_p < 1:
            self._only_possible()
            self._add(lib.llama_sampler_init_typical(self._sampling.typical_p, _MIN_KEEP))

    def top_p(self) -> None:
        if self._sampling.top_p < 1:
            self._add(lib.llama_sampler_init_top_p(self._sampling.top_p, _MIN_KEEP))

    def min_p(self) -> None:
        if self._sampling.min_p:
            self._add(lib.llama_sampler_init_min_p(self._sampling.min_p, _MIN_KEEP))

    def xtc(self) -> None:
        s = self._sampling
        if s.xtc_probability:
            threshold = max(s.xtc_threshold, _LEAST_THRESHOLD)
            self._add(
                lib.llama_sampler_init_xtc(s.xtc_probability, threshold, _MIN_KEEP, self._seed)
            )

    def temperature(self) -> None:
        s = self._sampling
        if s.dynatemp_range:
            # llama.cpp goes from 0 where the range is wider than the temperature.
            low = max(s.temperature - s.dynatemp_range, _COLDEST)
            high = s.temperature + s.dynatemp_range
            middle, half = (high + low) / 2, (high - low) / 2
            self._add(lib.llama_sampler_init_temp_ext(middle, half, s.dynatemp_exponent))
        elif not math.isclose(s.temperature, 1):
            self._add(lib.llama_sampler_init_temp(s.temperature))

    def _only_possible(self) -> None:
        self._add(lib.llama_sampler_init_min_p(_POSSIBLE, _MIN_KEEP))

    def _pick(self) -> None:
        """What takes one of the tokens that are left."""
        s, seed = self._sampling, self._seed
        if self._greedy:
            self._add(lib.llama_sampler_init_greedy())
        elif s.mirostat:
            self._only_possible()
            self._add(
                lib.llama_sampler_init_mirostat(
                    self._vocab.size, seed, s.mirostat_tau, s.mirostat_eta, _MIROSTAT_M
                )
                if s.mirostat == 1
                else lib.llama_sampler_init_mirostat_v2(seed, s.mirostat_tau, s.mirostat_eta)
            )
        else:
            self._add(lib.llama_sampler_init_dist(seed))


_STEPS: dict[SamplerName, Callable[[_Builder], None]] = {
    "penalties": _Builder.penalties,
    "dry": _Builder.dry,
    "top_n_sigma": _Builder.top_n_sigma,
    "top_k": _Builder.top_k,
    "typ_p": _Builder.typical_p,
    "top_p": _Builder.top_p,
    "min_p": _Builder.min_p,
    "xtc": _Builder.xtc,
    "temperature": _Builder.temperature,
}


def _seed(sampling: Sampling) -> int:
    if sampling.seed is None:
        return secrets.randbelow(_RANDOM_SEED)
    return sampling.seed if sampling.seed != _RANDOM_SEED else 0


def _penalises(sampling: Sampling) -> bool:
    return (
        "penalties" in sampling.samplers
        and sampling.repeat_last_n > 0
        and (
            sampling.repeat_penalty != 1
            or sampling.frequency_penalty != 0
            or sampling.presence_penalty != 0
        )
    )


def _is_dry(sampling: Sampling) -> bool:
    return (
        "dry" in sampling.samplers
        and sampling.dry_multiplier > 0
        and sampling.dry_penalty_last_n > 0
    )
