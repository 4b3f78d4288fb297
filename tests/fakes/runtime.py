"""A model without weights: the engine loop's Runtime, with cells that can be looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hob.engine.runtime import Chunk, DecodeAborted, Draw, Matcher
from hob.errors import WorkerError
from hob.wire.generate import GenerateRequest

END = 0


class FakeSampler:
    """Draws what the runtime's `script` says for the sequence that the logits belong to."""

    def __init__(self, runtime: FakeRuntime) -> None:
        self._runtime = runtime
        self.closed = False

    def sample(self, index: int) -> Draw:
        assert not self.closed
        return Draw(self._runtime.next_token(index))

    def accept(self, token: int) -> None:
        assert not self.closed

    def forced(self) -> Sequence[int]:
        return ()

    def close(self) -> None:
        self.closed = True


class FakeRuntime:
    """Tokens are bytes: token 65 is "A", token 0 ends an answer.

    `cells` holds what each slot has computed; computing a token anywhere but at the end of its
    slot, or more cells than there are, is an error of the caller and fails the test. `script`
    tells the next token from all tokens of a sequence; the default counts up from the last one.
    """

    def __init__(self, context_length: int = 64, slots: int = 2, cuttable: bool = True) -> None:
        self.context_length = context_length
        self.slots = slots
        self.cuttable = cuttable
        self.cells: list[list[int]] = [[] for _ in range(slots)]
        self.script: Callable[[Sequence[int]], int] = lambda tokens: 97 + tokens[-1] % 26
        self.steps: list[tuple[Chunk, ...]] = []
        self.samplers: list[FakeSampler] = []
        self.before_decode: Callable[[], None] = lambda: None
        self.fail_next = False
        self.interrupted = False
        self._rows: dict[int, list[int]] = {}

    def decode(self, chunks: Sequence[Chunk]) -> list[int]:
        self.before_decode()
        self.steps.append(tuple(chunks))
        if self.interrupted:
            raise DecodeAborted
        if self.fail_next:
            self.fail_next = False
            raise WorkerError("The model could not compute this step.")
        self._rows = {}
        indexes: list[int] = []
        for chunk in chunks:
            cells = self.cells[chunk.slot]
            assert chunk.start == len(cells), "positions must go on where the slot ends"
            cells.extend(chunk.tokens)
            indexes.append(sum(len(c.tokens) for c in chunks[: len(indexes) + 1]) - 1)
            if chunk.logits:
                self._rows[indexes[-1]] = list(cells)
        assert sum(map(len, self.cells)) <= self.context_length, "out of cells"
        return indexes

    def next_token(self, index: int) -> int:
        return self.script(self._rows[index])

    def interrupt(self) -> None:
        self.interrupted = True

    def clear_interrupt(self) -> None:
        self.interrupted = False

    def keep(self, slot: int, length: int) -> bool:
        cells = self.cells[slot]
        if length and length < len(cells) and not self.cuttable:
            cells.clear()
            return False
        del cells[length:]
        return True

    def share(self, source: int, target: int, length: int) -> None:
        assert not self.cells[target], "only an empty slot can share"
        self.cells[target] = self.cells[source][:length]

    def floor(self, _slot: int) -> int:
        return 0 if self.cuttable else self.context_length

    def sampler(
        self, _request: GenerateRequest, _prompt: Sequence[int], _matcher: Matcher | None
    ) -> FakeSampler:
        self.samplers.append(FakeSampler(self))
        return self.samplers[-1]

    def piece(self, token: int, special: bool = False) -> bytes:
        return bytes([token])

    def is_end(self, token: int) -> bool:
        return token == END
