"""A vocabulary that can be read: one token a byte, and a few control tokens."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hob.engine.prompts.vocabulary import InfillTokens

BOS = 300
EOS = 303
SPECIAL = {"<s>": BOS, "<|im_start|>": 301, "<|im_end|>": 302}


class ByteVocab:
    """One token a byte, and three control tokens; with `prefixes_space` as SentencePiece does."""

    size = 400
    bos: int | None = BOS

    def __init__(
        self,
        *,
        adds_bos: bool = False,
        adds_eos: bool = False,
        prefixes_space: bool = False,
        infill: InfillTokens | None = None,
    ) -> None:
        self.infill = infill
        self.adds_bos = adds_bos
        self.adds_eos = adds_eos
        self.longest = 0
        self.prefixes_space = prefixes_space

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        self.longest = max(self.longest, len(text))
        tokens = [BOS] if add_special and self.adds_bos else []
        pattern = "(" + "|".join(map(re.escape, SPECIAL)) + ")"
        after_special = True
        for part in re.split(pattern, text) if parse_special else [text]:
            if parse_special and part in SPECIAL:
                tokens.append(SPECIAL[part])
                after_special = True
            elif part:
                space = " " if self.prefixes_space and after_special else ""
                tokens += (space + part).encode()
                after_special = False
        return [*tokens, EOS] if add_special and self.adds_eos else tokens

    def detokenize(self, tokens: Sequence[int]) -> bytes:
        return b"".join(self.piece(token, special=True) for token in tokens)

    def piece(self, token: int, special: bool = False) -> bytes:
        if token < BOS:
            return bytes([token % 256])
        return self.text(token).encode() if special else b""

    def control_tokens(self, tokens: list[int]) -> set[int]:
        return {token for token in tokens if token >= BOS}

    def text(self, token: int | None) -> str:
        return {value: text for text, value in SPECIAL.items()}.get(token or 0, "")
