"""What the cache needs of a context's memory: llama.cpp in the worker, a fake in its tests."""

from __future__ import annotations

from typing import Protocol

# The state of a sequence as llama.cpp writes it.
State = bytes | bytearray | memoryview


class Memory(Protocol):
    """One thread calls it. A slot is a sequence id of llama.cpp's."""

    @property
    def slots(self) -> int:
        """How many sequences there may be, answered or only remembered."""

    @property
    def context_length(self) -> int:
        """Cells, shared by all slots."""

    @property
    def divisible(self) -> bool:
        """Can a slot be cut at any point, and share any part of what it holds? Sliding windows
        and running states (recurrent, hybrid) cannot: they start only from where they were."""

    def keep(self, slot: int, length: int) -> bool:
        """Forget all but the first `length` tokens of `slot`; False, and all is forgotten, when
        its memory cannot be cut there."""

    def share(self, source: int, target: int, start: int, end: int) -> None:
        """Let `target` hold the cells of `source` at these positions instead of its own."""

    def save(self, slot: int) -> State:
        """What `slot` holds, to be restored later; empty when it cannot be saved."""

    def restore(self, slot: int, state: State) -> bool:
        """Make the empty slot hold what was saved; False, and it is empty, when it cannot be."""
