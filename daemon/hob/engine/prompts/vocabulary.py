"""What prompts need of a model's vocabulary: llama.cpp's in the worker, a small one in tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class InfillTokens:
    """The tokens that stand before the three parts of a fill-in-the-middle prompt."""

    prefix: int
    suffix: int
    middle: int


class Tokenizer(Protocol):
    """Text to tokens and back. `infill` is None when the model was not trained to fill gaps."""

    size: int
    bos: int | None
    adds_bos: bool
    adds_eos: bool
    prefixes_space: bool
    infill: InfillTokens | None

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]: ...

    def detokenize(self, tokens: Sequence[int]) -> bytes:
        """The text of `tokens`, that of control tokens included."""

    def control_tokens(self, tokens: list[int]) -> set[int]: ...

    def text(self, token: int | None) -> str: ...

    def piece(self, token: int, special: bool = False) -> bytes: ...
