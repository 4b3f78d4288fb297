"""Guessing by a small model of the same vocabulary, which writes ahead."""

from __future__ import annotations

import ctypes
import logging
import time
from collections.abc import Callable
from collections.abc import Sequence as Items

from hob.engine.cache.compare import common_length
from hob.engine.native.context import Context
from hob.engine.native.model import Model
from hob.engine.native.vocab import Vocab
from hob.engine.runtime import Chunk, OutOfCells
from hob.engine.sequence import Sequence
from hob.errors import HobError

_log = logging.getLogger(__name__)

# A guess that the draft itself believes in less is rarely right.
_CONFIDENT = 0.4
# Tokens of a sequence that the draft reads in one step of the loop, and how far behind it may be
# for its guesses to come at once.
_READ_AT_ONCE = 128
_NEAR = 16
# How quickly old measurements of a guess's time are forgotten.
_WEIGHT = 0.2


class DraftSource:
    """Greedy guesses of `model`, for several sequences in one batch.

    `context` has as many sequences as the model's own, and each follows the slot of its number.
    """

    prior = 0.7
    most = 8

    def __init__(
        self, model: Model, context: Context, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._vocab = model.vocab
        self._context = context
        self._clock = clock
        # What each sequence of the draft's context holds.
        self._held: dict[int, list[int]] = {}
        self._broken = False
        self.seconds = 0.0

    def available(self, seq: Sequence, most: int) -> int:
        """Reads what the sequence has and the draft has not; a long prompt takes several steps."""
        # Placeholders of media are no tokens that it could read.
        if self._broken or (unread := self._unread(seq)) is None or min(unread) < 0:
            return 0
        if len(unread) <= min(_NEAR, self._context.params.batch):
            return most
        assert seq.slot is not None
        size = min(_READ_AT_ONCE, self._context.params.batch, len(unread) - 1)
        self._decode([(seq.slot, unread[:size])], outputs=0)
        return 0

    def _unread(self, seq: Sequence) -> list[int] | None:
        """Tokens that the draft has to compute, at least the last; None without a slot."""
        if seq.slot is None:
            return None
        held = self._held.setdefault(seq.slot, [])
        known = min(common_length(held, seq.tokens), len(seq.tokens) - 1)
        if known < len(held):
            self._context.cut(seq.slot, known)
            del held[known:]
        return seq.tokens[known:]

    def guess(self, wishes: Items[tuple[Sequence, int]]) -> list[list[int]]:
        guesses: list[list[int]] = [[] for _ in wishes]
        began = self._clock()
        going = self._first_round(wishes)
        rounds = 0
        while going:
            slots = [wishes[at][0].slot or 0 for at in going]
            indexes = self._decode(list(zip(slots, going.values(), strict=True)), outputs=1)
            if not indexes:
                break
            rounds += 1
            drawn = {at: self._likeliest(index) for at, index in zip(going, indexes, strict=True)}
            going = {}
            for at, token in drawn.items():
                if token is None:
                    continue
                guesses[at].append(token)
                if len(guesses[at]) < wishes[at][1]:
                    going[at] = [token]
        if rounds:
            self._learn((self._clock() - began) / rounds)
        return guesses

    def _first_round(self, wishes: Items[tuple[Sequence, int]]) -> dict[int, list[int]]:
        """By place in `wishes`, what is computed next for those that guess. Whoever is far behind,
        or for whom the batch has no room, waits for another step."""
        going: dict[int, list[int]] = {}
        room = self._context.params.batch
        for at, (seq, _count) in enumerate(wishes):
            unread = self._unread(seq)
            if unread and len(unread) <= min(_NEAR, room):
                going[at] = unread
                room -= len(unread)
        return going

    def _learn(self, seconds: float) -> None:
        self.seconds += (_WEIGHT if self.seconds else 1.0) * (seconds - self.seconds)

    def _likeliest(self, index: int) -> int | None:
        """The likeliest token by the logits at `index`; None when it ends the answer or is not
        likely enough."""
        import numpy as np

        row = (ctypes.c_float * self._vocab.size).from_address(self._context.logits_address(index))
        logits = np.frombuffer(memoryview(row).cast("B"), dtype=np.float32)
        token = int(logits.argmax())
        probability = 1 / float(np.exp(logits - logits[token]).sum())
        likely = probability >= _CONFIDENT and not self._vocab.is_end(token)
        return token if likely else None

    def _decode(self, parts: list[tuple[int, list[int]]], *, outputs: int) -> Items[int]:
        """Compute the tokens after what each slot holds; nothing came of it when it is empty."""
        chunks = [Chunk(slot, len(self._held[slot]), part, outputs) for slot, part in parts]
        try:
            try:
                indexes = self._context.decode(chunks)
            except OutOfCells:
                self._let_others_go({slot for slot, _part in parts})
                indexes = self._context.decode(chunks)
        except OutOfCells:
            return ()
        except HobError as error:
            _log.warning("The draft model failed and guesses no more: %s", error)
            self._broken = True
            return ()
        for slot, part in parts:
            self._held[slot] += part
        return indexes

    def _let_others_go(self, slots: set[int]) -> None:
        for slot in self._held.keys() - slots:
            self._context.cut(slot, 0)
            del self._held[slot]

    def forget(self, seq: Sequence) -> None:
        """What was computed stays, for whoever comes next with the same beginning."""


def differs(vocab: Vocab, other: Vocab) -> str:
    """How one vocabulary is another than the other; empty when they are alike.

    A few dozen tokens are compared, which finds any other tokenizer.
    """
    if vocab.size != other.size:
        return f"it has {other.size} tokens instead of {vocab.size}"
    sample = range(0, vocab.size, max(1, vocab.size // 64))
    if any(vocab.text(token) != other.text(token) for token in sample):
        return "the same numbers stand for other tokens"
    if (vocab.bos, vocab.eos) != (other.bos, other.eos):
        return "other tokens begin and end a text"
    return ""
