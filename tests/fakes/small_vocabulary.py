"""A vocabulary of bytes and some words, and answers that a model without sense would give."""

from __future__ import annotations

import ctypes
import random
from collections.abc import Sequence

from llguidance import LLTokenizer, TokenizerWrapper

from hob.engine.grammar.tokenizer import Vocabulary
from hob.engine.runtime import Matcher

END, OTHER_END, CONTROL, TEXT_END = 0, 1, 2, 3
_MERGED = (
    '{"', '": ', '", "', '"}', ", ", ": ", "[]", "{}", "]}", "}}", "[[", "true", "false", "null",
    "name", "the", " cat", "-1", "10", "2024", ".5", "e3", "\n\n", "\n  ", "  ", "</", "think",
    ">", ">\n\n", ">{", "><", "</think>x", "é", "日本", "start", "ab", "bb", "abc",
)  # fmt: skip
# TEXT_END ends an answer, though its text is plain text to a grammar.
PIECES: tuple[bytes, ...] = (
    b"<end>", b"<other_end>", b"<control>", b"stop",
    *(bytes([value]) for value in range(256)),
    *(piece.encode() for piece in _MERGED if len(piece.encode()) > 1),
)  # fmt: skip
ENDS = frozenset((END, OTHER_END, TEXT_END))
# What closes something: a draw takes one of these more often, so that answers come to an end.
_CLOSERS = [PIECES.index(text) for text in (b'"', b"}", b"]", b'"}', b"]}", b"}}", b"0", b"9")]


class _Tokens:
    eos_token_id = END
    bos_token_id = None
    tokens = PIECES
    special_token_ids = (END, OTHER_END, CONTROL)

    def __call__(self, text: str | bytes) -> list[int]:
        """Always the longest token."""
        rest = text.encode() if isinstance(text, str) else text
        tokens = []
        while rest:
            token = max(
                (i for i, piece in enumerate(PIECES) if i > TEXT_END and rest.startswith(piece)),
                key=lambda i: len(PIECES[i]),
            )
            tokens.append(token)
            rest = rest[len(PIECES[token]) :]
        return tokens


def tokenize(text: str) -> list[int]:
    return _Tokens()(text)


def small_vocabulary() -> Vocabulary:
    tokenizer = LLTokenizer(TokenizerWrapper(_Tokens()), eos_token=[END, OTHER_END, TEXT_END])
    return Vocabulary(tokenizer, len(PIECES), ENDS, PIECES.__getitem__)


def allowed(matcher: Matcher, size: int = len(PIECES)) -> list[int]:
    """The tokens that may come next."""
    logits = (ctypes.c_float * size)()
    matcher.mask(ctypes.addressof(logits))
    return [token for token, value in enumerate(logits) if value == 0]


def write(matcher: Matcher, text: str) -> bool:
    """Let the answer be `text`; False when a token of it is not allowed."""
    for token in tokenize(text):
        if token not in allowed(matcher):
            return False
        matcher.accept(token)
    return True


def is_complete(matcher: Matcher) -> bool:
    return END in allowed(matcher)


def random_answer(
    matcher: Matcher, seed: int, most: int = 400, pieces: Sequence[bytes] = PIECES
) -> tuple[bytes, bool]:
    """What a model writes that draws any token that it may; and whether it came to its end."""
    draw = random.Random(seed)
    text = b""
    for _step in range(most):
        for token in matcher.forced():
            matcher.accept(token)
            text += pieces[token]
        choices = allowed(matcher)
        closers = [token for token in (END, *_CLOSERS) if token in choices]
        token = draw.choice(closers if closers and draw.random() < 0.5 else choices)
        matcher.accept(token)
        if token in ENDS:
            return text, True
        text += pieces[token]
    return text, False
