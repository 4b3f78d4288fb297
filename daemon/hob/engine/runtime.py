"""What the loop needs of a loaded model: llama.cpp in the worker, a fake in its tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from hob.wire.generate import GenerateRequest, TokenLogprob


@dataclass(frozen=True, slots=True)
class Chunk:
    """Tokens of one slot at positions `start` onward; with `logits`, the last one's are kept."""

    slot: int
    start: int
    tokens: Sequence[int]
    logits: bool


class DecodeAborted(Exception):
    """`interrupt` has ended the step early; what its slots hold is undefined past what was
    computed before."""


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


class Runtime(Protocol):
    """One thread calls it; only `interrupt` may come from others."""

    @property
    def context_length(self) -> int: ...

    @property
    def slots(self) -> int: ...

    def decode(self, chunks: Sequence[Chunk]) -> Sequence[int]:
        """Compute the chunks; the index of each one's logits.

        Raises DecodeAborted after `interrupt`, and WorkerError when the model fails.
        """

    def interrupt(self) -> None: ...

    def clear_interrupt(self) -> None: ...

    def keep(self, slot: int, length: int) -> bool:
        """Forget all but the first `length` tokens of `slot`; False, and all is forgotten, when
        its memory cannot be cut there."""

    def share(self, source: int, target: int, length: int) -> None:
        """Give the empty slot `target` the first `length` tokens of `source`."""

    def floor(self, slot: int) -> int:
        """The shortest length above 0 that `slot` can be cut to."""

    def sampler(
        self, request: GenerateRequest, prompt: Sequence[int], matcher: Matcher | None
    ) -> Sampler:
        """For an answer to `prompt`; the sampler takes the matcher over."""

    def piece(self, token: int, special: bool = False) -> bytes:
        """The bytes that a token adds to the output; `special` writes control tokens out."""

    def is_end(self, token: int) -> bool: ...
