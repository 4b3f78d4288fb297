"""A model file in memory."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hob.engine.native.library import lib, log
from hob.engine.native.owner import Owner
from hob.engine.native.vocab import Vocab
from hob.errors import ModelLoadFailed
from hob.wire.engine import SplitMode

_SPLIT_MODES: dict[SplitMode, int] = {
    "none": lib.LLAMA_SPLIT_MODE_NONE,
    "layer": lib.LLAMA_SPLIT_MODE_LAYER,
    "row": lib.LLAMA_SPLIT_MODE_ROW,
}


@dataclass(frozen=True, slots=True)
class GpuSplit:
    """How a model is spread over several GPUs; `shares` by the order of the GPUs, empty for as
    much as each has memory."""

    mode: SplitMode = "layer"
    main: int = 0
    shares: tuple[float, ...] = ()


class Model(Owner):
    """The weights and metadata of one GGUF file; close it after every context made from it."""

    def __init__(self, pointer: int, path: Path) -> None:
        self.path = path
        self._pointer: int | None = pointer
        self.vocab = Vocab(lib.llama_model_get_vocab(pointer))

    @classmethod
    def load(
        cls,
        path: Path,
        *,
        gpu_layers: int,
        mmap: bool,
        mlock: bool,
        progress: Callable[[float], None],
        split: GpuSplit | None = None,
    ) -> Model:
        """Read the file. `progress` gets the fraction read, 0 to 1, from this thread.

        Raises ModelLoadFailed.
        """
        params = lib.llama_model_default_params()
        params.n_gpu_layers = gpu_layers
        # With nothing on a GPU none may be named: llama.cpp would look for it, and fail.
        split = (split if gpu_layers else None) or GpuSplit()
        params.split_mode = _SPLIT_MODES[split.mode]
        params.main_gpu = split.main
        # llama.cpp reads the array while it loads.
        shares = (ctypes.c_float * lib.llama_max_devices())(*split.shares)
        if split.shares:
            params.tensor_split = shares
        params.load_mode = _load_mode(mmap, mlock)

        def report(fraction: float, _user_data: object) -> bool:
            progress(fraction)
            return True

        params.progress_callback = lib.llama_progress_callback(report)
        log.last_error = ""
        pointer = lib.llama_model_load_from_file(os.fsencode(path), params)
        if not pointer:
            raise ModelLoadFailed(
                f"llama.cpp cannot load {path.name}, so this model cannot be used.",
                hint="The file may be damaged or of an architecture that this build does not know. "
                "Fetch it again, or choose another model.",
                reason=log.last_error,
            )
        return cls(pointer, path)

    @property
    def pointer(self) -> int | None:
        return self._pointer

    @property
    def layers(self) -> int:
        return int(lib.llama_model_n_layer(self._pointer))

    @property
    def train_context_length(self) -> int:
        return int(lib.llama_model_n_ctx_train(self._pointer))

    @property
    def window(self) -> int:
        """The sliding window's length in tokens; 0 when attention sees everything."""
        return int(lib.llama_model_n_swa(self._pointer))

    @property
    def recurrent(self) -> bool:
        """Its memory is a running state (in part), which cannot be cut back."""
        return bool(
            lib.llama_model_is_recurrent(self._pointer) or lib.llama_model_is_hybrid(self._pointer)
        )

    @property
    def generates(self) -> bool:
        """False for encoders and diffusion models, which do not write token after token."""
        return bool(
            lib.llama_model_has_decoder(self._pointer)
            and not lib.llama_model_has_encoder(self._pointer)
            and not lib.llama_model_is_diffusion(self._pointer)
        )

    @property
    def size_bytes(self) -> int:
        return int(lib.llama_model_size(self._pointer))

    @property
    def chat_template(self) -> str:
        """The default chat template of the file; empty when it has none."""
        raw: bytes | None = lib.llama_model_chat_template(self._pointer, None)
        return raw.decode("utf-8", "replace") if raw else ""

    def metadata(self, key: str) -> str:
        """A metadata value as llama.cpp prints it; empty when absent or an array."""
        buffer = ctypes.create_string_buffer(256)
        size = lib.llama_model_meta_val_str(self._pointer, key.encode(), buffer, len(buffer))
        return buffer.value.decode("utf-8", "replace") if size >= 0 else ""

    @property
    def architecture(self) -> str:
        return self.metadata("general.architecture")

    def kv_row_elements(self) -> int:
        """Numbers in the keys and values of one token over all layers, from the file's header.

        An upper bound where layers differ or slide.
        """
        heads = int(lib.llama_model_n_head_kv(self._pointer))
        default = int(lib.llama_model_n_embd(self._pointer)) // max(
            1, int(lib.llama_model_n_head(self._pointer))
        )
        keys = self._dimension("key_length", default)
        values = self._dimension("value_length", default)
        return self.layers * heads * (keys + values)

    def _dimension(self, name: str, default: int) -> int:
        text = self.metadata(f"{self.architecture}.attention.{name}")
        return int(text) if text.isdecimal() else default

    def close(self) -> None:
        if self._pointer:
            lib.llama_model_free(self._pointer)
            self._pointer = None


def _load_mode(mmap: bool, mlock: bool) -> int:
    mmap = mmap and bool(lib.llama_supports_mmap())
    mlock = mlock and bool(lib.llama_supports_mlock())
    mode: int = (lib.LLAMA_LOAD_MODE_MMAP if mmap else lib.LLAMA_LOAD_MODE_NONE) | (
        lib.LLAMA_LOAD_MODE_MLOCK if mlock else lib.LLAMA_LOAD_MODE_NONE
    )
    return mode
