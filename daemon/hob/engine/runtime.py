"""What the loop needs of a loaded model: llama.cpp in the worker, a fake in its tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from hob.engine.cache.memory import Memory
from hob.engine.media import EncodedMedia
from hob.wire.generate import AdapterUse, GenerateRequest, TokenLogprob


@dataclass(frozen=True, slots=True)
class Chunk:
    """Tokens of one slot at positions `start` onward; the logits of the last `outputs` are kept."""

    slot: int
    start: int
    tokens: Sequence[int]
    outputs: int = 0


class DecodeAborted(Exception):
    """`interrupt` has ended the step early; what its slots hold is undefined past what was
    computed before."""


class OutOfCells(Exception):
    """There are not enough cells for the step; nothing was computed."""


@dataclass(frozen=True, slots=True)
class Draw:
    """A token that was drawn; `logprob` when the request asks for it."""

    token: int
    logprob: TokenLogprob | None = None


class Matcher(Protocol):
    """Keeps one answer within its constraint; see hob.engine.grammar. Calls cost some 50 us."""

    def mask(self, logits: int) -> None:
        """Set the logits of the tokens that must not come next to -inf. `logits` is the address of
        as many floats as the vocabulary has tokens."""

    def accept(self, token: int) -> None:
        """This token has come."""

    def forced(self) -> Sequence[int]:
        """Tokens that are the only ones possible now, in order; often none."""


class Sampler(Protocol):
    """Draws the tokens of one sequence; it has its own random state."""

    def sample(self, index: int) -> Draw:
        """The next token, from the logits at `index` of the last batch, and remember it."""

    def accept(self, token: int) -> None:
        """Remember a token that has come without being drawn."""

    def forced(self) -> Sequence[int]:
        """Tokens that the constraint leaves no choice about, to be accepted without drawing."""

    def close(self) -> None: ...


class Runtime(Memory, Protocol):
    """One thread calls it; only `interrupt` may come from others."""

    @property
    def places(self) -> int:
        """How many requests may be answered at once; there are more slots, which remember."""

    def decode(self, chunks: Sequence[Chunk]) -> Sequence[int]:
        """Compute the chunks; for each the index of its first output, if it has any.

        Raises DecodeAborted after `interrupt`, OutOfCells, and WorkerError when the model fails.
        """

    def decode_media(self, slot: int, start: int, encoded: EncodedMedia) -> int:
        """Compute a medium at positions `start` onward; the index of its last output.

        Raises what `decode` raises.
        """

    def load_adapters(self, adapters: Sequence[AdapterUse]) -> object:
        """Have these ready. Raises InvalidRequest for what is no adapter of this model."""

    def adapt(self, adapters: Sequence[AdapterUse]) -> None:
        """Compute with these adapters from now on. Raises InvalidRequest."""

    def interrupt(self) -> None: ...

    def clear_interrupt(self) -> None: ...

    def sampler(
        self, request: GenerateRequest, prompt: Sequence[int], matcher: Matcher | None
    ) -> Sampler:
        """For an answer to `prompt`; the sampler takes the matcher over."""

    def logprob(self, index: int, token: int, top: int) -> TokenLogprob:
        """How likely `token` was by the logits at `index` of the last batch."""

    def piece(self, token: int, special: bool = False) -> bytes:
        """The bytes that a token adds to the output; `special` writes control tokens out."""

    def is_end(self, token: int) -> bool: ...
