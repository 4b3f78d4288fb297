"""A model's vocabulary as llguidance needs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hob.engine.native.vocab import Vocab
from hob.errors import UnsupportedParameter

if TYPE_CHECKING:
    from llguidance import LLTokenizer


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """`size` logits; `ends` are the tokens that end an answer; `piece` gives the bytes of any
    token, control tokens included. Shared by all threads."""

    tokenizer: LLTokenizer
    size: int
    ends: frozenset[int]
    piece: Callable[[int], bytes]


def read_vocabulary(vocab: Vocab) -> Vocabulary:
    """Takes half a second for 50,000 tokens. Raises UnsupportedParameter for a model whose answers
    cannot end by themselves."""
    from llguidance.llamacpp import lltokenizer_from_vocab

    ends = [token for token in range(vocab.size) if vocab.is_end(token)]
    if vocab.eos in ends:
        # llguidance takes the first for the usual one.
        ends.remove(vocab.eos)
        ends.insert(0, vocab.eos)
    if not ends:
        raise UnsupportedParameter(
            "This model has no token that ends an answer, so its output cannot be constrained.",
            hint="Ask without a constraint, or choose a chat model.",
        )
    tokenizer = lltokenizer_from_vocab(vocab.pointer, eos_token=ends)
    return Vocabulary(
        tokenizer, vocab.size, frozenset(ends), lambda token: vocab.piece(token, special=True)
    )
