"""LoRA adapters: small files that change a model's weights while it computes."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hob.engine.native.context import Context
from hob.engine.native.library import lib, log
from hob.engine.native.model import Model
from hob.engine.native.owner import Owner
from hob.errors import InvalidRequest, ModelLoadFailed
from hob.wire.generate import AdapterUse

# Adapters stay loaded, at most so many.
MOST_ADAPTERS = 8
_MAGIC = b"GGUF"


class Adapter(Owner):
    """One LoRA file, loaded for one model; close it before the model."""

    def __init__(self, pointer: Any) -> None:  # noqa: ANN401 - ctypes
        self._pointer = pointer

    @classmethod
    def load(cls, path: Path, model: Model) -> Adapter:
        """Raises InvalidRequest when the file is no adapter, ModelLoadFailed when it does not fit
        the model."""
        _check_magic(path)
        log.last_error = ""
        pointer = lib.llama_adapter_lora_init(model.pointer, os.fsencode(path))
        if not pointer:
            raise ModelLoadFailed(
                f"The adapter {path.name} does not fit {model.path.name}, or is damaged, so it "
                "cannot be applied.",
                hint="Use an adapter that was made for this model, or leave `lora` out.",
                param="lora",
                reason=log.last_error,
            )
        return cls(pointer)

    @property
    def pointer(self) -> Any:  # noqa: ANN401 - ctypes
        return self._pointer

    def close(self) -> None:
        if self._pointer:
            lib.llama_adapter_lora_free(self._pointer)
            self._pointer = None


class Adapters(Owner):
    """The adapters of one context. The least recently used is freed for another, never one that
    is applied."""

    def __init__(self, model: Model, context: Context) -> None:
        self._model = model
        self._context = context
        # By path, the least recently used first.
        self._loaded: dict[str, Adapter] = {}
        self._applied: frozenset[str] = frozenset()

    def load(self, uses: Sequence[AdapterUse]) -> list[Adapter]:
        """Load what is not loaded yet. Raises what Adapter.load raises, and InvalidRequest for more
        than fit at once."""
        wanted = frozenset(use.path for use in uses)
        if len(wanted) > MOST_ADAPTERS:
            raise InvalidRequest(
                f"The request names {len(wanted)} adapters; at most {MOST_ADAPTERS} can be applied "
                "together.",
                hint="Name fewer adapters.",
                param="lora",
            )
        for use in uses:
            adapter = self._loaded.pop(use.path, None) or Adapter.load(Path(use.path), self._model)
            self._loaded[use.path] = adapter
            self._free_above(MOST_ADAPTERS, spared=wanted | self._applied)
        return [self._loaded[use.path] for use in uses]

    def apply(self, uses: Sequence[AdapterUse]) -> None:
        """Compute with these and no others from now on. Raises what `load` raises, and then
        nothing has changed."""
        loaded = self.load(uses)
        pointers = (lib.llama_adapter_lora_p_ctypes * len(uses))(*(a.pointer for a in loaded))
        scales = (ctypes.c_float * len(uses))(*(use.scale for use in uses))
        lib.llama_set_adapters_lora(self._context.pointer, pointers, len(uses), scales)
        self._applied = frozenset(use.path for use in uses)
        self._free_above(MOST_ADAPTERS, spared=self._applied)

    def _free_above(self, most: int, spared: frozenset[str]) -> None:
        for path in [path for path in self._loaded if path not in spared]:
            if len(self._loaded) <= most:
                return
            self._loaded.pop(path).close()

    def close(self) -> None:
        if self._loaded and self._context.pointer:
            lib.llama_set_adapters_lora(self._context.pointer, None, 0, None)
        self._applied = frozenset()
        self._free_above(0, spared=self._applied)


def _check_magic(path: Path) -> None:
    try:
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except OSError as error:
        raise InvalidRequest(
            f"The adapter {path.name} cannot be read: {error.strerror}.",
            hint="Put the file back into the models folder, or leave `lora` out.",
            param="lora",
        ) from error
    if magic != _MAGIC:
        raise InvalidRequest(
            f"{path.name} is no GGUF file, so it is no adapter that can be applied.",
            hint="Convert the adapter to GGUF, or fetch it again.",
            param="lora",
        )
