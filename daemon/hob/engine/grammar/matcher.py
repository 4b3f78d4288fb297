"""Matchers: which tokens may come next in one answer, and which must."""

from __future__ import annotations

import ctypes
import math
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from hob.engine.grammar.refusal import ConstraintFailed, plain
from hob.engine.grammar.tokenizer import Vocabulary

# The CPU time that the constraint of an answer may take, in seconds, at first and more for each
# token: a grammar that needs more would hold up the answers beside it.
_SPARE_S = 1.0
_TOKEN_S = 0.01

if TYPE_CHECKING:
    import numpy as np
    from llguidance import LLMatcher
    from numpy.typing import NDArray


class GrammarMatcher:
    """Keeps an answer within a grammar from its first token on.

    Raises ConstraintFailed when the grammar proves too complex on the way, or a token comes that
    it does not allow.
    """

    def __init__(self, vocabulary: Vocabulary, inner: LLMatcher) -> None:
        import numpy as np

        self._vocabulary = vocabulary
        self._inner = inner
        self._ended = False
        self._left_s = _SPARE_S
        self._ends = np.array(sorted(vocabulary.ends), dtype=np.int64)
        self._bits = np.zeros((vocabulary.tokenizer.vocab_size + 31) // 32, dtype=np.uint32)

    def mask(self, logits: int) -> None:
        import numpy as np

        bits, size = self._bits, self._vocabulary.size
        began = time.thread_time()
        self._inner.unsafe_compute_mask_ptr(bits.ctypes.data, bits.nbytes)
        self._check(began)
        allowed = np.unpackbits(bits.view(np.uint8), count=size, bitorder="little").view(np.bool_)
        # A token that ends an answer may be plain text to the grammar; it ends the answer all the
        # same, so it may come only where the answer is complete.
        allowed[self._ends] = self._inner.is_accepting()
        if not allowed.any():
            raise _failed("it leaves no token that could come next")
        np.copyto(view(logits, size), -np.inf, where=~allowed)

    def accept(self, token: int) -> None:
        if self._ended:
            raise _failed("the answer was complete, yet more came")
        if token in self._vocabulary.ends:
            if not self._inner.is_accepting():
                raise _failed("the answer ended before it was complete")
            self._ended = True
            return
        began = time.thread_time()
        self._inner.consume_token(token)
        self._left_s += _TOKEN_S
        self._check(began)

    def forced(self) -> Sequence[int]:
        if self._ended:
            return ()
        began = time.thread_time()
        tokens = () if self._inner.is_stopped() else self._inner.compute_ff_tokens()
        self._check(began)
        return tokens

    def accept_text(self, text: bytes) -> None:
        """The beginning of the answer, which came at the end of a token."""
        tokenizer = self._vocabulary.tokenizer
        tokens = tokenizer.tokenize_bytes(text)
        if tokenizer.decode_bytes(tokens) != text:
            raise _failed("its beginning is not made of whole tokens")
        for token in tokens:
            self.accept(token)

    def _check(self, began: float) -> None:
        """After each step, which began at that thread time."""
        if self._inner.is_error():
            raise _failed(self._inner.get_error())
        self._left_s -= time.thread_time() - began
        if self._left_s < 0:
            raise _failed("it takes too long to tell what may come next")


class DelayedMatcher:
    """Leaves an answer free until `after` has been written, and then keeps it within a grammar.

    Until then the answer may not end. `after` may be spread over tokens, and the token that
    completes it may hold more: white space is dropped, and anything else is the beginning of what
    the grammar describes. `joiners` are the tokens with such a beginning, which must not come: by
    the count of bytes of `after` that they need before them.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        inner: GrammarMatcher,
        after: bytes,
        joiners: Mapping[int, Sequence[int]],
    ) -> None:
        self._vocabulary = vocabulary
        self._inner = inner
        self._after = after
        self._joiners = joiners
        self._tail = b""
        self._begun = False

    def mask(self, logits: int) -> None:
        if self._begun:
            self._inner.mask(logits)
            return
        values = view(logits, self._vocabulary.size)
        values[list(self._vocabulary.ends)] = -math.inf
        for matched, tokens in self._joiners.items():
            if self._tail.endswith(self._after[:matched]):
                values[tokens] = -math.inf

    def accept(self, token: int) -> None:
        if self._begun:
            self._inner.accept(token)
            return
        if token in self._vocabulary.ends:
            raise _failed("the answer ended before what the grammar describes began")
        written = self._tail + self._vocabulary.piece(token)
        before, found, rest = written.partition(self._after)
        if not found:
            self._tail = before[-len(self._after) :]
            return
        self._begun = True
        if rest := rest.lstrip():
            self._inner.accept_text(rest)

    def forced(self) -> Sequence[int]:
        return self._inner.forced() if self._begun else ()


def find_joiners(vocabulary: Vocabulary, after: bytes) -> dict[int, list[int]]:
    """For DelayedMatcher; takes a fraction of a second for a large vocabulary."""
    pieces = ((token, vocabulary.piece(token)) for token in range(vocabulary.size))
    candidates = [(token, piece) for token, piece in pieces if after[-1:] in piece[:-1]]
    found: dict[int, list[int]] = {}
    for matched in range(len(after)):
        wanted = after[matched:]
        tokens = []
        for token, piece in candidates:
            before, end, rest = piece.partition(wanted)
            if end and rest.strip() and (not before or not matched):
                tokens.append(token)
        if tokens:
            found[matched] = tokens
    return found


def view(logits: int, size: int) -> NDArray[np.float32]:
    """The `size` floats at the address, to be read and written."""
    import numpy as np

    return np.ctypeslib.as_array((ctypes.c_float * size).from_address(logits))


def _failed(why: str) -> ConstraintFailed:
    return ConstraintFailed(
        f"The answer cannot be kept within its grammar any further: {plain(why)}",
        hint="Make the schema or grammar simpler, or ask without it.",
    )
