"""From logits to the next token, in native code."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence

from hob.engine.native.chain import build_chain, prompt_window
from hob.engine.native.context import Context
from hob.engine.native.library import lib
from hob.engine.native.logprobs import RawLogprobs
from hob.engine.native.owner import Owner
from hob.engine.native.vocab import Vocab
from hob.engine.runtime import Draw, Matcher
from hob.wire.generate import GenerateRequest

_FLOAT_BYTES = ctypes.sizeof(ctypes.c_float)


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
        self._pointer: object = build_chain(request.sampling, vocab, forbid_end=forbid_end)
        if window := prompt_window(request.sampling):
            for token in prompt[-window:]:
                # Placeholders of media are no tokens.
                if token >= 0:
                    lib.llama_sampler_accept(self._pointer, token)

    def sample(self, index: int) -> Draw:
        """Draw from the logits at `index` of the last batch, and remember the token.

        With a matcher, the logits are left masked. Raises what the matcher raises.
        """
        raw = None
        if self._top is not None:
            raw = RawLogprobs(self._context.logits_address(index), self._vocab)
        if self._matcher is None:
            token = self._draw(index)
        else:
            token = self._draw_matching(self._matcher, index)
        return Draw(token, raw.of(token, self._top or 0) if raw else None)

    def _draw(self, index: int) -> int:
        return int(lib.llama_sampler_sample(self._pointer, self._context.pointer, index))

    def _draw_matching(self, matcher: Matcher, index: int) -> int:
        address = self._context.logits_address(index)
        matcher.mask(address)
        token = self._draw(index)
        # DRY's penalty grows past the largest float, and where it has struck out all that the
        # constraint allows, the chain takes any token.
        if ctypes.c_float.from_address(address + token * _FLOAT_BYTES).value == -math.inf:
            token = self._likeliest(index)
            lib.llama_sampler_accept(self._pointer, token)
        matcher.accept(token)
        return token

    def _likeliest(self, index: int) -> int:
        greedy = lib.llama_sampler_init_greedy()
        try:
            return int(lib.llama_sampler_sample(greedy, self._context.pointer, index))
        finally:
            lib.llama_sampler_free(greedy)

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
