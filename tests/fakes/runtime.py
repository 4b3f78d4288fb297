"""A model without weights: the engine loop's Runtime, with cells that can be looked at."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hob.engine.cache.memory import State
from hob.engine.media import EncodedMedia
from hob.engine.runtime import Chunk, DecodeAborted, Draw, Matcher, OutOfCells
from hob.errors import HobError, InvalidRequest, WorkerError
from hob.wire.generate import AdapterUse, GenerateRequest, TokenLogprob

END = 0


@dataclass(eq=False)
class Cell:
    token: int


class FakeSampler:
    """Draws what the runtime's `script` says for the sequence that the logits belong to; what
    its `forces` says after the tokens that came so far is not drawn."""

    def __init__(self, runtime: FakeRuntime, fails: Mapping[str, HobError]) -> None:
        self._runtime = runtime
        self._fails = fails
        self.taken: list[int] = []
        self.closed = False

    def sample(self, index: int) -> Draw:
        self._called("sample")
        token = self._runtime.next_token(index)
        self.taken.append(token)
        return Draw(token)

    def accept(self, token: int) -> None:
        self._called("accept")
        self.taken.append(token)

    def forced(self) -> Sequence[int]:
        self._called("forced")
        return self._runtime.forces(self.taken)

    def _called(self, name: str) -> None:
        assert not self.closed
        if name in self._fails:
            raise self._fails[name]

    def close(self) -> None:
        self.closed = True


class FakeRuntime:
    """Tokens are bytes: token 65 is "A", token 0 ends an answer.

    `cells` holds what each slot has computed, each cell as an object of its own, so that sharing
    can be seen; computing a token anywhere but at the end of its slot is an error of the caller
    and fails the test. More cells than there are raise OutOfCells. `script` tells the next token
    from all tokens of a sequence; the default counts up from the last one.
    """

    def __init__(
        self,
        context_length: int = 64,
        slots: int = 2,
        divisible: bool = True,
        remembered: int = 4,
    ) -> None:
        self.context_length = context_length
        self.places = slots
        self.slots = slots + remembered
        self.divisible = divisible
        self.cells: list[list[Cell]] = [[] for _ in range(self.slots)]
        self.script: Callable[[Sequence[int]], int] = lambda tokens: 97 + tokens[-1] % 26
        self.forces: Callable[[Sequence[int]], Sequence[int]] = lambda taken: ()
        # By prompt and by call what a sampler raises.
        self.sampler_fails: dict[bytes, dict[str, HobError]] = {}
        self.steps: list[tuple[Chunk, ...]] = []
        self.media: list[EncodedMedia] = []
        self.samplers: list[FakeSampler] = []
        self.adapters: list[Sequence[AdapterUse]] = []
        self.before_decode: Callable[[], None] = lambda: None
        self.fail_next = False
        self.interrupted = False
        self.saves = 0
        self.restores = 0
        self.refuses_states = False
        self._rows: dict[int, list[int]] = {}

    @property
    def used_cells(self) -> int:
        return len({id(cell) for slot in self.cells for cell in slot})

    def new_cells(self, tokens: Sequence[int]) -> list[Cell]:
        return [Cell(token) for token in tokens]

    def held(self, slot: int) -> list[int]:
        return [cell.token for cell in self.cells[slot]]

    def decode(self, chunks: Sequence[Chunk]) -> list[int]:
        self.before_decode()
        self.steps.append(tuple(chunks))
        if self.interrupted:
            raise DecodeAborted
        if self.fail_next:
            self.fail_next = False
            raise WorkerError("The model could not compute this step.")
        if self.used_cells + sum(len(chunk.tokens) for chunk in chunks) > self.context_length:
            raise OutOfCells
        self._rows = {}
        indexes: list[int] = []
        at = 0
        for chunk in chunks:
            slot = self.cells[chunk.slot]
            assert chunk.start == len(slot), "positions must go on where the slot ends"
            for token in chunk.tokens:
                slot.append(Cell(token))
                self._rows[at] = [cell.token for cell in slot]
                at += 1
            indexes.append(at - chunk.outputs)
        return indexes

    def decode_media(self, slot: int, start: int, encoded: EncodedMedia) -> int:
        """A step like any other, noted in `media` when it succeeds."""
        index = self.decode([Chunk(slot, start, encoded.ids, outputs=1)])[0]
        self.media.append(encoded)
        return index

    def next_token(self, index: int) -> int:
        return self.script(self._rows[index])

    def interrupt(self) -> None:
        self.interrupted = True

    def clear_interrupt(self) -> None:
        self.interrupted = False

    def keep(self, slot: int, length: int) -> bool:
        cells = self.cells[slot]
        if length and length < len(cells) and not self.divisible:
            cells.clear()
            return False
        del cells[length:]
        return True

    def share(self, source: int, target: int, start: int, end: int) -> None:
        assert self.divisible, "only divisible memory is shared"
        assert self.held(source)[start:end], "there is nothing to share"
        assert len(self.cells[target]) >= start, "no gap may arise"
        self.cells[target][start:end] = self.cells[source][start:end]

    def save(self, slot: int) -> bytes:
        self.saves += 1
        return array("q", self.held(slot)).tobytes()

    def restore(self, slot: int, state: State) -> bool:
        assert not self.cells[slot], "only an empty slot is restored"
        self.restores += 1
        if self.refuses_states:
            return False
        tokens = array("q")
        tokens.frombytes(bytes(state))
        self.cells[slot] = [Cell(token) for token in tokens]
        return True

    def load_adapters(self, adapters: Sequence[AdapterUse]) -> None:
        if any("bad" in adapter.path for adapter in adapters):
            raise InvalidRequest("It is no adapter.", param="lora")

    def adapt(self, adapters: Sequence[AdapterUse]) -> None:
        self.adapters.append(adapters)

    def sampler(
        self, _request: GenerateRequest, prompt: Sequence[int], _matcher: Matcher | None
    ) -> FakeSampler:
        # A medium's placeholders are no bytes.
        fails = self.sampler_fails.get(bytes(token for token in prompt if token >= 0), {})
        if "sampler" in fails:
            raise fails["sampler"]
        self.samplers.append(FakeSampler(self, fails))
        return self.samplers[-1]

    def logprob(self, index: int, token: int, top: int) -> TokenLogprob:
        assert index in self._rows
        return TokenLogprob(token=token, piece=bytes([token]), logprob=-float(top))

    def piece(self, token: int, special: bool = False) -> bytes:
        return bytes([token])

    def is_end(self, token: int) -> bool:
        return token == END
