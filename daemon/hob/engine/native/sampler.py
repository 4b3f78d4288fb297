"""Sampler chains: from logits to the next token, in native code."""

from __future__ import annotations

import ctypes
import math
import secrets
from collections.abc import Callable, Sequence
from typing import Any

from hob.engine.native.context import Context
from hob.engine.native.library import lib
from hob.engine.native.logprobs import RawLogprobs
from hob.engine.native.owner import Owner
from hob.engine.native.vocab import Vocab
from hob.engine.runtime import Draw, Matcher
from hob.wire.generate import GenerateRequest
from hob.wire.sampling import SamplerName, Sampling

# A sampler of llama.cpp's as the bindings give it, or None.
Pointer = Any

# llama.cpp reads this seed as "draw one", which would make an explicit seed random.
_RANDOM_SEED = 2**32 - 1
# Truncating samplers leave at least so many tokens.
_MIN_KEEP = 1
# The number of tokens that mirostat 1 estimates from, as llama.cpp sets it.
_MIROSTAT_M = 100


class SamplerChain(Owner):
    """One sequence's sampler with its own random state and penalty windows.

    It owns the matcher, which takes the tokens that the chain takes.
    """

    def __init__(
        self,
        context: Context,
        vocab: Vocab,
        request: GenerateRequest,
        prompt: Sequence[int],
        matcher: Matcher | None,
    ) -> None:
        self._context = context
        self._vocab = vocab
        self._top = request.logprobs
        self._matcher = matcher
        # With a constraint the end is where the constraint says, or nothing might be left.
        forbid_end = request.sampling.ignore_eos and matcher is None
        self._pointer: Pointer = build_chain(request.sampling, vocab, forbid_end=forbid_end)
        # Placeholders of media are no tokens.
        for token in _remembered(request.sampling, prompt):
            if token >= 0:
                lib.llama_sampler_accept(self._pointer, token)

    def sample(self, index: int) -> Draw:
        """Draw from the logits at `index` of the last batch, and remember the token."""
        raw = None if self._top is None else self._raw(index)
        if self._matcher is not None:
            self._matcher.mask(self._context.logits_address(index))
        token = int(lib.llama_sampler_sample(self._pointer, self._context.pointer, index))
        if self._matcher is not None:
            self._matcher.accept(token)
        return Draw(token, raw.of(token, self._top or 0) if raw else None)

    def _raw(self, index: int) -> RawLogprobs:
        return RawLogprobs(self._context.logits_address(index), self._vocab)

    def accept(self, token: int) -> None:
        lib.llama_sampler_accept(self._pointer, token)
        if self._matcher is not None:
            self._matcher.accept(token)

    def forced(self) -> Sequence[int]:
        return () if self._matcher is None else self._matcher.forced()

    def close(self) -> None:
        if self._pointer:
            lib.llama_sampler_free(self._pointer)
            self._pointer = None


def build_chain(sampling: Sampling, vocab: Vocab, *, forbid_end: bool = False) -> Pointer:
    """A llama_sampler chain, which the caller frees."""
    params = lib.llama_sampler_chain_default_params()
    params.no_perf = True
    chain: Pointer = lib.llama_sampler_chain_init(params)
    seed = _seed(sampling)

    def add(sampler: Pointer) -> None:
        """The chain takes over the sampler and frees it."""
        lib.llama_sampler_chain_add(chain, sampler)

    bias = dict(sampling.logit_bias)
    if forbid_end:
        bias |= dict.fromkeys(vocab.end_tokens, -math.inf)
    if bias:
        array = (lib.llama_logit_bias * len(bias))(
            *(lib.llama_logit_bias(token, value) for token, value in bias.items())
        )
        add(lib.llama_sampler_init_logit_bias(vocab.size, len(bias), array))
    for name in sampling.samplers:
        if _is_used(name, sampling) and (sampler := _MAKERS[name](sampling, vocab, seed)):
            add(sampler)
    add(_last(sampling, vocab, seed))
    return chain


def _last(sampling: Sampling, vocab: Vocab, seed: int) -> Pointer:
    """What picks the token."""
    tau, eta = sampling.mirostat_tau, sampling.mirostat_eta
    if sampling.temperature == 0:
        sampler: Pointer = lib.llama_sampler_init_greedy()
    elif sampling.mirostat == 1:
        sampler = lib.llama_sampler_init_mirostat(vocab.size, seed, tau, eta, _MIROSTAT_M)
    elif sampling.mirostat:
        sampler = lib.llama_sampler_init_mirostat_v2(seed, tau, eta)
    else:
        sampler = lib.llama_sampler_init_dist(seed)
    return sampler


def _is_used(name: SamplerName, sampling: Sampling) -> bool:
    """The penalties always; the temperature unless it is 0, which takes the likeliest token; what
    truncates only where something is drawn without mirostat."""
    if name in ("penalties", "dry"):
        return True
    if sampling.temperature == 0:
        return False
    return name == "temperature" or not sampling.mirostat


# Each makes the sampler, or None where its values make it do nothing.


def _penalties(sampling: Sampling, vocab: Vocab, _seed: int) -> Pointer:
    if not _penalises(sampling):
        return None
    return lib.llama_sampler_init_penalties(
        vocab.size,
        sampling.repeat_last_n,
        sampling.repeat_penalty,
        sampling.frequency_penalty,
        sampling.presence_penalty,
    )


def _dry(sampling: Sampling, vocab: Vocab, _seed: int) -> Pointer:
    if not _is_dry(sampling):
        return None
    breakers = [breaker.encode() for breaker in sampling.dry_sequence_breakers]
    array = (ctypes.c_char_p * len(breakers))(*breakers)
    return lib.llama_sampler_init_dry(
        vocab.pointer,
        sampling.dry_multiplier,
        sampling.dry_base,
        sampling.dry_allowed_length,
        sampling.dry_penalty_last_n,
        array,
        len(breakers),
    )


def _temperature(sampling: Sampling, _vocab: Vocab, _seed: int) -> Pointer:
    if sampling.dynatemp_range:
        return lib.llama_sampler_init_temp_ext(
            sampling.temperature, sampling.dynatemp_range, sampling.dynatemp_exponent
        )
    if math.isclose(sampling.temperature, 1):
        return None
    return lib.llama_sampler_init_temp(sampling.temperature)


def _xtc(s: Sampling, _vocab: Vocab, seed: int) -> Pointer:
    if not s.xtc_probability:
        return None
    return lib.llama_sampler_init_xtc(s.xtc_probability, s.xtc_threshold, _MIN_KEEP, seed)


_Maker = Callable[[Sampling, Vocab, int], Pointer]

_MAKERS: dict[SamplerName, _Maker] = {
    "penalties": _penalties,
    "dry": _dry,
    "top_n_sigma": lambda s, _v, _: (
        lib.llama_sampler_init_top_n_sigma(s.top_n_sigma) if s.top_n_sigma else None
    ),
    "top_k": lambda s, _v, _: lib.llama_sampler_init_top_k(s.top_k) if s.top_k else None,
    "typ_p": lambda s, _v, _: (
        lib.llama_sampler_init_typical(s.typical_p, _MIN_KEEP) if s.typical_p < 1 else None
    ),
    "top_p": lambda s, _v, _: (
        lib.llama_sampler_init_top_p(s.top_p, _MIN_KEEP) if s.top_p < 1 else None
    ),
    "min_p": lambda s, _v, _: lib.llama_sampler_init_min_p(s.min_p, _MIN_KEEP) if s.min_p else None,
    "xtc": _xtc,
    "temperature": _temperature,
}


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


def _is_dry(sampling: Sampling) -> bool:
    return sampling.dry_multiplier > 0 and sampling.dry_penalty_last_n > 0


def _remembered(sampling: Sampling, prompt: Sequence[int]) -> Sequence[int]:
    """The end of the prompt that falls into a window."""
    window = sampling.repeat_last_n if _penalises(sampling) else 0
    if _is_dry(sampling):
        window = max(window, sampling.dry_penalty_last_n)
    return prompt[-window:] if window else ()
