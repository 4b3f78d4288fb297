"""The working memory of a model (its KV cache) and the computation of one batch."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from hob.engine.cache.memory import State
from hob.engine.native.library import lib, log
from hob.engine.native.model import Model
from hob.engine.native.owner import Owner
from hob.engine.runtime import Chunk, DecodeAborted, OutOfCells
from hob.errors import ModelLoadFailed, WorkerError
from hob.wire.engine import Auto, KvType

_FLASH = {
    "auto": lib.LLAMA_FLASH_ATTN_TYPE_AUTO,
    "on": lib.LLAMA_FLASH_ATTN_TYPE_ENABLED,
    "off": lib.LLAMA_FLASH_ATTN_TYPE_DISABLED,
}
_KV_TYPES = {
    "f16": lib.GGML_TYPE_F16,
    "q8_0": lib.GGML_TYPE_Q8_0,
    "q4_0": lib.GGML_TYPE_Q4_0,
}
_NO_CELLS, _ABORTED = 1, 2


@dataclass(frozen=True, slots=True)
class ContextParams:
    """`length` in tokens over all `slots`, of which `places` are answered at once and the others
    remember; `batch` tokens at most in one decode."""

    length: int
    slots: int
    places: int
    batch: int
    threads: int
    flash_attention: Auto
    kv_type: KvType


class Context(Owner):
    """One llama.cpp context with `slots` sequences over one unified cache.

    Only one thread may decode; `interrupt` may come from any.
    """

    def __init__(self, model: Model, params: ContextParams) -> None:
        self.params = params
        self._stop = ctypes.create_string_buffer(2)
        self._pointer: int | None = self._create(model, params)
        self._memory = lib.llama_get_memory(self._pointer)
        self.length = int(lib.llama_n_ctx(self._pointer))
        self._batch = _Batch(params.batch, params.slots)

    def _create(self, model: Model, params: ContextParams) -> int:
        native = lib.llama_context_default_params()
        native.n_ctx = params.length
        native.n_batch = native.n_ubatch = params.batch
        native.n_seq_max = params.slots
        native.n_threads = native.n_threads_batch = params.threads
        native.flash_attn_type = _FLASH[params.flash_attention]
        native.type_k = native.type_v = _KV_TYPES[params.kv_type]
        native.kv_unified = True
        # A sliding-window model keeps only its window, as the model was made for.
        native.swa_full = False
        native.no_perf = True
        # llama.cpp asks this callback before each node of the graph, hundreds of times a step.
        # A Python callback would take the GIL each time; strlen of a buffer answers the same
        # question ("is the first byte set?") in a nanosecond: 0 for "", 1 for "\x01".
        native.abort_callback = ctypes.cast(_c_library().strlen, type(native.abort_callback))
        native.abort_callback_data = ctypes.cast(self._stop, ctypes.c_void_p)
        log.last_error = ""
        pointer: int | None = lib.llama_init_from_model(model.pointer, native)
        if not pointer:
            raise ModelLoadFailed(
                f"llama.cpp cannot make a context of {params.length} tokens for {model.path.name}.",
                hint="Set a smaller engine.context_length, engine.kv_type f16 or "
                "engine.flash_attention auto with `hob config set`.",
                reason=log.last_error,
            )
        return pointer

    def decode(self, chunks: Sequence[Chunk]) -> tuple[int, ...]:
        """Compute the chunks; returns for each the index in this batch of the first token whose
        logits were asked for.

        Raises DecodeAborted after `interrupt`, OutOfCells, and WorkerError when llama.cpp fails.
        """
        indexes = self._batch.fill(chunks)
        self.compute(self._batch.native)
        return indexes

    def compute(self, batch: ctypes.Structure) -> None:
        """Compute a llama_batch. Raises what `decode` raises."""
        status = lib.llama_decode(self._pointer, batch)
        if status == _ABORTED:
            raise DecodeAborted
        if status == _NO_CELLS:
            raise OutOfCells
        if status != 0:
            raise WorkerError(
                "The model could not compute this step, so the answer ends here.",
                hint="Ask again; if it keeps failing, load the model again with a smaller context.",
                status=status,
                reason=log.last_error,
            )

    def logits_address(self, index: int) -> int:
        """Where the logits at `index` of the last batch are: as many floats as there are tokens
        in the vocabulary, valid until the next decode."""
        pointer = lib.llama_get_logits_ith(self._pointer, index)
        return int(ctypes.cast(pointer, ctypes.c_void_p).value or 0)

    def warm_up(self, token: int) -> None:
        """Run one token through every weight, so that the first request finds them in memory."""
        lib.llama_set_warmup(self._pointer, True)
        try:
            self.decode((Chunk(slot=0, start=0, tokens=(token,), outputs=1),))
            lib.llama_synchronize(self._pointer)
        finally:
            lib.llama_set_warmup(self._pointer, False)
        lib.llama_memory_clear(self._memory, False)

    def interrupt(self) -> None:
        """End the running decode at its next node. Thread-safe."""
        self._stop[0] = b"\x01"

    def clear_interrupt(self) -> None:
        self._stop[0] = b"\x00"

    def cut(self, slot: int, length: int) -> bool:
        """Forget what `slot` holds past its first `length` tokens; False when it cannot."""
        return bool(lib.llama_memory_seq_rm(self._memory, slot, length, -1))

    def share(self, source: int, target: int, start: int, end: int) -> None:
        """Let `target` hold the cells of `source` at these positions instead of its own."""
        lib.llama_memory_seq_rm(self._memory, target, start, end)
        lib.llama_memory_seq_cp(self._memory, source, target, start, end)

    def save(self, slot: int) -> State:
        """The state of a slot; empty when llama.cpp does not give it."""
        size = int(lib.llama_state_seq_get_size(self._pointer, slot))
        buffer = (ctypes.c_uint8 * size)()
        written = int(lib.llama_state_seq_get_data(self._pointer, buffer, size, slot))
        return memoryview(buffer).cast("B")[:written]

    def restore(self, slot: int, state: State) -> bool:
        """Make the empty slot hold a saved state; False, and it is empty, when that fails."""
        view = memoryview(state)
        array = ctypes.c_uint8 * len(view)
        # llama.cpp only reads it; ctypes borrows read-only memory by a copy.
        buffer = array.from_buffer_copy(view) if view.readonly else array.from_buffer(view)
        read = int(lib.llama_state_seq_set_data(self._pointer, buffer, len(view), slot))
        if read != len(view):
            self.cut(slot, 0)
        return read == len(view)

    @property
    def pointer(self) -> int | None:
        return self._pointer

    def close(self) -> None:
        if self._pointer:
            lib.llama_free(self._pointer)
            self._pointer = None


def _c_library() -> ctypes.CDLL:
    return ctypes.CDLL("msvcrt" if sys.platform == "win32" else None)


class _Batch:
    """A llama_batch over arrays that Python owns, filled by slices."""

    def __init__(self, size: int, slots: int) -> None:
        self._tokens = (lib.llama_token * size)()
        self._positions = (lib.llama_pos * size)()
        self._counts = (ctypes.c_int32 * size)(*([1] * size))
        self._logits = (ctypes.c_int8 * size)()
        seq_id_p = ctypes.POINTER(lib.llama_seq_id)
        self._ids = [(lib.llama_seq_id * 1)(slot) for slot in range(slots)]
        self._id_pointers = [ctypes.cast(cell, seq_id_p) for cell in self._ids]
        self._slots = (seq_id_p * size)()
        self.native = lib.llama_batch(
            n_tokens=0,
            token=self._tokens,
            embd=None,
            pos=self._positions,
            n_seq_id=self._counts,
            seq_id=self._slots,
            logits=self._logits,
        )

    def fill(self, chunks: Sequence[Chunk]) -> tuple[int, ...]:
        at = 0
        indexes = []
        for chunk in chunks:
            end = at + len(chunk.tokens)
            self._tokens[at:end] = chunk.tokens
            self._positions[at:end] = range(chunk.start, chunk.start + len(chunk.tokens))
            silent = end - chunk.outputs
            self._logits[at:silent] = [0] * (silent - at)
            self._logits[silent:end] = [1] * chunk.outputs
            pointer = self._id_pointers[chunk.slot]
            for index in range(at, end):
                self._slots[index] = pointer
            indexes.append(end - chunk.outputs)
            at = end
        self.native.n_tokens = at
        return tuple(indexes)
