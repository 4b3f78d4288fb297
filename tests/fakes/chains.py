"""Sampler chains applied to logits that a test chooses, for the tokens 0, 1, 2, ..."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from hob.engine.native.chain import build_chain
from hob.engine.native.library import lib
from hob.engine.native.vocab import Vocab
from hob.wire.sampling import Sampling

Probabilities = dict[int, float]

LOGITS = (3.0, 2.0, 1.5, 0.0, -1.0)
FORBIDDEN = -math.inf


class Chain:
    """A chain that can be applied to any logits."""

    def __init__(self, vocab: Vocab, sampling: Sampling, past: Sequence[int]) -> None:
        self._pointer = build_chain(sampling, vocab)
        for token in past:
            self.accept(token)

    def accept(self, token: int) -> None:
        lib.llama_sampler_accept(self._pointer, token)

    def draw(self, logits: Sequence[float]) -> tuple[int, Probabilities]:
        """The token drawn, and the candidates that were left with their probabilities."""
        data = (lib.llama_token_data * len(logits))(
            *(lib.llama_token_data(token, logit, 0.0) for token, logit in enumerate(logits))
        )
        array = lib.llama_token_data_array(data, len(logits), -1, False)
        lib.llama_sampler_apply(self._pointer, ctypes.byref(array))
        left = [array.data[n] for n in range(array.size)]
        return left[array.selected].id, {item.id: item.p for item in left}

    def close(self) -> None:
        lib.llama_sampler_free(self._pointer)


MakeChain = Callable[..., Chain]


def softmax(logits: Sequence[float]) -> list[float]:
    powers = np.exp(np.array(logits, dtype=np.float64) - max(logits))
    return [float(p) for p in powers / powers.sum()]


def expected(logits: Sequence[float], kept: Sequence[int] | None = None) -> Probabilities:
    tokens = range(len(logits)) if kept is None else kept
    return dict(zip(tokens, softmax([logits[token] for token in tokens]), strict=True))


def approx(probabilities: Probabilities) -> Any:
    return pytest.approx(probabilities, rel=1e-4, abs=1e-7)


def left(chain: Chain, logits: Sequence[float] = LOGITS) -> Probabilities:
    return chain.draw(logits)[1]
