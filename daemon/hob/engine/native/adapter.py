"""LoRA adapters: small files that change how a model computes."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hob.engine.native.context import Context
from hob.engine.native.library import lib, log
from hob.engine.native.model import Model
from hob.errors import InvalidRequest
from hob.wire.generate import AdapterUse

_MAGIC = b"GGUF"
_HINT = "Use the file of an adapter that was made for this very model."


class Adapters:
    """The adapters of one model, loaded when they are first asked for. llama.cpp frees them with
    the model."""

    def __init__(self, model: Model, context: Context) -> None:
        self._model = model
        self._context = context
        self._loaded: dict[str, Any] = {}

    def load(self, uses: Sequence[AdapterUse]) -> None:
        """Have them ready. Raises InvalidRequest for a file that is no adapter of this model."""
        for use in uses:
            if use.path not in self._loaded:
                self._loaded[use.path] = self._open(Path(use.path))

    def _open(self, path: Path) -> Any:  # noqa: ANN401 - a pointer of llama.cpp's
        try:
            with path.open("rb") as file:
                magic = file.read(len(_MAGIC))
        except OSError as error:
            raise InvalidRequest(
                f"The adapter {path.name} cannot be read: {error.strerror}.", param="lora"
            ) from error
        if magic != _MAGIC:
            raise InvalidRequest(f"{path.name} is no GGUF file.", hint=_HINT, param="lora")
        log.last_error = ""
        pointer = lib.llama_adapter_lora_init(self._model.pointer, str(path).encode())
        if not pointer:
            raise InvalidRequest(
                f"llama.cpp cannot load {path.name} as an adapter of {self._model.path.name}.",
                hint=_HINT,
                param="lora",
                reason=log.last_error,
            )
        return pointer

    def apply(self, uses: Sequence[AdapterUse]) -> None:
        """Compute with exactly these from now on. Raises what `load` raises."""
        self.load(uses)
        pointers = (lib.llama_adapter_lora_p_ctypes * len(uses))(
            *(self._loaded[use.path] for use in uses)
        )
        scales = (ctypes.c_float * len(uses))(*(use.scale for use in uses))
        if lib.llama_set_adapters_lora(self._context.pointer, pointers, len(uses), scales) != 0:
            raise InvalidRequest("llama.cpp cannot apply these adapters.", hint=_HINT, param="lora")
