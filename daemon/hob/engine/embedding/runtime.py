"""What the embedding loop needs of a loaded model: llama.cpp in the worker, a fake in its tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol


class EmbeddingRuntime(Protocol):
    """One thread calls it; only `interrupt` may come from others."""

    def embed(self, inputs: Sequence[Sequence[int]], alive: Callable[[], None]) -> Sequence[bytes]:
        """Compute the inputs in one step; for each, the pooled numbers as 32-bit floats. `alive`
        is called again and again while the step gets on.

        Raises DecodeAborted after `interrupt`, and WorkerError when the model fails.
        """

    def interrupt(self) -> None: ...

    def clear_interrupt(self) -> None: ...
