"""The texts that structure a model's output, and which of them are tokens of its vocabulary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

# Longer than the text of any control token, and short enough to look at each piece.
_MOST_BYTES = 64


class Tokenizer(Protocol):
    """What is needed of a vocabulary."""

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]: ...

    def control_tokens(self, tokens: list[int]) -> set[int]: ...

    def piece(self, token: int, special: bool = False) -> bytes: ...


class MarkTable:
    """Looks marks up in one vocabulary."""

    def __init__(self, vocab: Tokenizer) -> None:
        self._vocab = vocab
        self._tokens: dict[str, int | None] = {}
        self._shown: dict[bytes, bool] = {}

    def token(self, mark: str) -> int | None:
        """The token that is this mark, if one is."""
        if mark not in self._tokens:
            tokens = self.tokenize(mark)
            self._tokens[mark] = tokens[0] if len(tokens) == 1 else None
        return self._tokens[mark]

    def control(self, mark: str) -> int | None:
        """The control token that is this mark, if one is."""
        token = self.token(mark)
        return token if token is not None and self._vocab.control_tokens([token]) else None

    def tokenize(self, text: str) -> list[int]:
        """The tokens of a text of ours, in which marks are marks."""
        return self._vocab.tokenize(text, add_special=False, parse_special=True)

    def tail(self, tokens: Sequence[int], count: int = 32) -> str:
        """The text of the last tokens, control tokens written out."""
        # Placeholders of media are no tokens.
        last = [token for token in tokens[-count:] if token >= 0]
        pieces = [self._vocab.piece(token, special=True) for token in last]
        return b"".join(pieces).decode("utf-8", "replace")

    def is_control_text(self, piece: bytes) -> bool:
        """Whether a piece of output is the whole text of a control token."""
        if not (piece[:1] in (b"<", b"[") and piece[-1:] in (b">", b"]")):
            return False
        if len(piece) > _MOST_BYTES:
            return False
        if piece not in self._shown:
            text = piece.decode("utf-8", "replace")
            self._shown[piece] = self.control(text) is not None
        return self._shown[piece]
