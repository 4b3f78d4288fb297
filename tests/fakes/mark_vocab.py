"""A vocabulary of single bytes and of marks, for prompts, for parsers and for llguidance."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import llguidance as ll

from hob.engine.prompts.vocabulary import InfillTokens

END = 256


class MarkVocab:
    """Tokens 0 to 255 are bytes, 256 ends an answer, and the marks follow. Those in `spelled` are
    tokens but no control tokens."""

    bos_token_id = None
    eos_token_id = END
    bos: int | None = None
    adds_bos = False
    adds_eos = False
    prefixes_space = False
    infill: InfillTokens | None = None

    def __init__(self, controls: Iterable[str] = (), spelled: Iterable[str] = ()) -> None:
        marks = [*controls, *spelled]
        self._spelled = set(spelled)
        self._marks = {mark: END + 1 + place for place, mark in enumerate(marks)}
        self._texts = {token: mark for mark, token in self._marks.items()}
        self.tokens = [bytes([value]) for value in range(256)]
        self.tokens += [b"<end>", *(mark.encode() for mark in marks)]
        self.size = len(self.tokens)
        self.longest = 0
        self.special_token_ids = [END, *self._marks.values()]

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        self.longest = max(self.longest, len(text))
        return list(self._tokens(text) if parse_special else text.encode())

    def _tokens(self, text: str) -> Iterator[int]:
        if not self._marks:
            yield from text.encode()
            return
        longest_first = sorted(self._marks, key=len, reverse=True)
        for part in re.split("(" + "|".join(map(re.escape, longest_first)) + ")", text):
            yield from [self._marks[part]] if part in self._marks else part.encode()

    def control_tokens(self, tokens: list[int]) -> set[int]:
        return {t for t in tokens if t >= END and self._texts.get(t) not in self._spelled}

    def detokenize(self, tokens: Sequence[int]) -> bytes:
        return b"".join(self.pieces(tokens))

    def text(self, token: int | None) -> str:
        return self._texts.get(token or 0, "")

    def piece(self, token: int, special: bool = False) -> bytes:
        return b"" if not special and self.control_tokens([token]) else self.tokens[token]

    def pieces(self, tokens: Sequence[int]) -> list[bytes]:
        return [self.tokens[token] for token in tokens if token != END]

    # For llguidance

    def __call__(self, text: str | bytes) -> list[int]:
        return list(text.encode() if isinstance(text, str) else text)

    def for_grammars(self) -> ll.LLTokenizer:
        return ll.LLTokenizer(ll.TokenizerWrapper(self))
