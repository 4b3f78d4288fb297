"""The loop's Runtime over llama.cpp."""

from __future__ import annotations

from collections.abc import Sequence

from hob.engine.media import EncodedMedia
from hob.engine.native.adapter import Adapters
from hob.engine.native.build import system_info
from hob.engine.native.context import Context
from hob.engine.native.library import bindings_version
from hob.engine.native.logprobs import RawLogprobs
from hob.engine.native.model import Model
from hob.engine.native.sampler import SamplerChain
from hob.engine.runtime import Chunk, Matcher
from hob.wire.generate import GenerateRequest, TokenLogprob


class LlamaRuntime:
    """One model and one context of it; see hob.engine.runtime.Runtime."""

    def __init__(self, model: Model, context: Context, adapters: Adapters) -> None:
        self._model = model
        self._context = context
        self.build = f"{bindings_version()} {system_info()}"
        self.vocab = model.vocab
        self.context_length = context.length
        self.places = context.params.places
        # The last sequence is for measuring.
        self.slots = context.params.slots - 1
        self.divisible = not (model.recurrent or model.window)
        self.load_adapters = adapters.load
        self.adapt = adapters.apply
        self.decode = context.decode
        self.interrupt = context.interrupt
        self.clear_interrupt = context.clear_interrupt
        self.share = context.share
        self.save = context.save
        self.restore = context.restore
        self.piece = model.vocab.piece
        self.is_end = model.vocab.is_end

    def decode_media(self, slot: int, start: int, encoded: EncodedMedia) -> int:
        from hob.engine.native.media import decode_media

        return decode_media(self._context, slot, start, encoded)

    def keep(self, slot: int, length: int) -> bool:
        if self._context.cut(slot, length):
            return True
        self._context.cut(slot, 0)
        return False

    def sampler(
        self, request: GenerateRequest, prompt: Sequence[int], matcher: Matcher | None
    ) -> SamplerChain:
        return SamplerChain(self._context, self.vocab, request, prompt, matcher)

    def logprob(self, index: int, token: int, top: int) -> TokenLogprob:
        return RawLogprobs(self._context.logits_address(index), self.vocab).of(token, top)

    def measure(self, tokens: int) -> None:
        """Compute so many tokens for nobody. Raises what `decode` raises."""
        slot = self.slots
        token = self.vocab.bos or 0
        try:
            self.decode((Chunk(slot, 0, [token] * tokens, outputs=1),))
        finally:
            self._context.cut(slot, 0)
