"""Vectors by llama.cpp: a context whose outputs are pooled by sequence."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hob.engine.embedding.inputs import PairForm
from hob.engine.embedding.kind import Pooling
from hob.engine.native.library import lib, log
from hob.engine.native.model import Model
from hob.engine.native.owner import Owner
from hob.engine.runtime import DecodeAborted
from hob.errors import ModelLoadFailed, WorkerError
from hob.wire.engine import Auto

_FLASH = {
    "auto": lib.LLAMA_FLASH_ATTN_TYPE_AUTO,
    "on": lib.LLAMA_FLASH_ATTN_TYPE_ENABLED,
    "off": lib.LLAMA_FLASH_ATTN_TYPE_DISABLED,
}
_ABORTED = 2
_NORMALIZER = ("lowercase", "strip_accents")


@dataclass(frozen=True, slots=True)
class EmbeddingParams:
    """`longest` tokens of one input, and `batch` tokens of at most `inputs` inputs in a step.
    An `encoder` has no KV cache."""

    pooling: Pooling
    encoder: bool
    longest: int
    batch: int
    inputs: int
    threads: int
    flash_attention: Auto


class EmbeddingContext(Owner):
    """One llama.cpp context; the embedding loop's runtime.

    Only one thread may embed; `interrupt` may come from any.
    """

    def __init__(self, model: Model, params: EmbeddingParams) -> None:
        self._stopping = False
        self._alive: Callable[[], None] = _nothing
        # llama.cpp keeps the bare pointer, so the callback must live as long as the context.
        self._callback = lib.ggml_abort_callback(self._between_nodes)
        self._pointer: int | None = self._create(model, params)
        # Encoders have none.
        self._memory = lib.llama_get_memory(self._pointer)
        self.cells = int(lib.llama_n_ctx(self._pointer))
        self._room = int(lib.llama_n_batch(self._pointer))
        self._batch = _Batch(self._room, params.inputs)
        ranks = params.pooling is Pooling.RANK
        count = lib.llama_model_n_cls_out if ranks else lib.llama_model_n_embd_out
        self.size = int(count(model.pointer))

    def _create(self, model: Model, params: EmbeddingParams) -> int:
        native = lib.llama_context_default_params()
        cells = params.longest if params.encoder else max(params.longest, params.batch)
        native.n_ctx = cells
        native.n_batch = native.n_ubatch = self._step_room(model, params)
        native.n_seq_max = params.inputs
        native.n_threads = native.n_threads_batch = params.threads
        native.flash_attn_type = _FLASH[params.flash_attention]
        native.pooling_type = int(params.pooling)
        native.embeddings = True
        native.kv_unified = True
        native.no_perf = True
        native.abort_callback = self._callback
        log.last_error = ""
        pointer: int | None = lib.llama_init_from_model(model.pointer, native)
        if not pointer:
            raise ModelLoadFailed(
                f"llama.cpp cannot make a context for inputs of {params.longest} tokens to "
                f"{model.path.name}.",
                hint="Set a smaller engine.context_length or engine.flash_attention auto with "
                "`hob config set`.",
                reason=log.last_error,
            )
        return pointer

    @staticmethod
    def _step_room(model: Model, params: EmbeddingParams) -> int:
        """Tokens of one step. Where each token sees those before it and the last one counts, a
        long input can be read in parts; everywhere else it must be computed at once."""
        causal = model.metadata(f"{model.architecture}.attention.causal") != "false"
        last = params.pooling in (Pooling.LAST, Pooling.RANK)
        if causal and last and not params.encoder:
            return params.batch
        return max(params.longest, params.batch)

    def _between_nodes(self, _data: object) -> bool:
        """llama.cpp asks before each node of the graph, some hundred times a step, whether to end.

        On a slow CPU one long input takes minutes, in which only this tells that it goes on. It
        takes 1 us: too much for steps that make one token, nothing for those that read many.
        """
        self._alive()
        return self._stopping

    def embed(self, inputs: Sequence[Sequence[int]], alive: Callable[[], None]) -> list[bytes]:
        """The pooled numbers of each input; see hob.engine.embedding.runtime."""
        self._alive = alive
        try:
            if len(inputs) == 1:
                tokens = inputs[0]
                for start in range(0, len(tokens), self._room):
                    self._compute([tokens[start : start + self._room]], start)
            else:
                self._compute(inputs, 0)
            return [self._pooled(sequence) for sequence in range(len(inputs))]
        finally:
            if self._memory:
                lib.llama_memory_clear(self._memory, False)

    def _compute(self, inputs: Sequence[Sequence[int]], start: int) -> None:
        self._batch.fill(inputs, start)
        status = lib.llama_decode(self._pointer, self._batch.native)
        if status == _ABORTED:
            raise DecodeAborted
        if status != 0:
            raise _failed(status)

    def _pooled(self, sequence: int) -> bytes:
        numbers = lib.llama_get_embeddings_seq(self._pointer, sequence)
        if not numbers:
            raise _failed(0)
        return ctypes.string_at(numbers, self.size * ctypes.sizeof(ctypes.c_float))

    def warm_up(self, token: int) -> None:
        """Run one token through every weight, so that the first request finds them in memory."""
        lib.llama_set_warmup(self._pointer, True)
        try:
            self.embed([[token]], _nothing)
        finally:
            lib.llama_set_warmup(self._pointer, False)

    def interrupt(self) -> None:
        """End the running step at its next node. Thread-safe."""
        self._stopping = True

    def clear_interrupt(self) -> None:
        self._stopping = False

    def close(self) -> None:
        if self._pointer:
            lib.llama_free(self._pointer)
            self._pointer = None


class _Batch:
    """A llama_batch of whole inputs, each a sequence, over arrays that Python owns."""

    def __init__(self, tokens: int, inputs: int) -> None:
        self._tokens = (lib.llama_token * tokens)()
        self._positions = (lib.llama_pos * tokens)()
        self._counts = (ctypes.c_int32 * tokens)(*([1] * tokens))
        # Pooling needs the output of every token.
        self._outputs = (ctypes.c_int8 * tokens)(*([1] * tokens))
        seq_id_p = ctypes.POINTER(lib.llama_seq_id)
        self._ids = [(lib.llama_seq_id * 1)(number) for number in range(inputs)]
        self._id_pointers = [ctypes.cast(cell, seq_id_p) for cell in self._ids]
        self._sequences = (seq_id_p * tokens)()
        self.native = lib.llama_batch(
            n_tokens=0,
            token=self._tokens,
            embd=None,
            pos=self._positions,
            n_seq_id=self._counts,
            seq_id=self._sequences,
            logits=self._outputs,
        )

    def fill(self, inputs: Sequence[Sequence[int]], start: int) -> None:
        """The inputs' tokens at positions `start` onward."""
        at = 0
        for number, tokens in enumerate(inputs):
            end = at + len(tokens)
            self._tokens[at:end] = tokens
            self._positions[at:end] = range(start, start + len(tokens))
            for index in range(at, end):
                self._sequences[index] = self._id_pointers[number]
            at = end
        self.native.n_tokens = at


def has_classifier(model: Model) -> bool:
    """Does the file name what the numbers of its classifier stand for?"""
    return bool(lib.llama_model_cls_label(model.pointer, 0))


def takes_characters_apart(model: Model) -> bool:
    """Does its tokenizer look at letters without their accents, as WordPiece without case does?"""
    if lib.llama_vocab_type(lib.llama_model_get_vocab(model.pointer)) != lib.LLAMA_VOCAB_TYPE_WPM:
        return False
    stated = (model.metadata(f"tokenizer.ggml.normalizer.{key}") for key in _NORMALIZER)
    return "false" not in stated


def pair_form(model: Model) -> PairForm:
    """How the model reads a query and a document, as llama-server does it: its own template, else
    BOS, query, EOS, SEP, document, EOS, of these what its vocabulary asks for."""
    if template := lib.llama_model_chat_template(model.pointer, b"rerank"):
        return PairForm(template=template.decode("utf-8", "replace"))
    vocab = lib.llama_model_get_vocab(model.pointer)
    bos, sep = lib.llama_vocab_bos(vocab), lib.llama_vocab_sep(vocab)
    eos = lib.llama_vocab_eos(vocab)
    if eos < 0:
        eos = sep
    begin = (bos,) if lib.llama_vocab_get_add_bos(vocab) and bos >= 0 else ()
    end = (eos,) if lib.llama_vocab_get_add_eos(vocab) and eos >= 0 else ()
    middle = (sep,) if lib.llama_vocab_get_add_sep(vocab) and sep >= 0 else ()
    return PairForm(begin=begin, between=(*end, *middle), end=end)


def _failed(status: int) -> WorkerError:
    return WorkerError(
        "The model could not compute these inputs, so they have no result.",
        hint="Ask again with fewer or shorter texts; if it keeps failing, load the model again.",
        status=status,
        reason=log.last_error,
    )


def _nothing() -> None:
    return None
