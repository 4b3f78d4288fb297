"""Making a request fit into the context, as far as it allows that something is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from hob.engine.prompts.encoder import LONG_CHARS, Encoder, long_text
from hob.engine.prompts.overflow import (
    GAP,
    Conversation,
    first_that_fits,
    guess_cut,
    least_removal,
    removable,
    without_middle,
)
from hob.errors import ContextOverflow
from hob.wire.generate import GenerateRequest

# More than a cut through a word or the text of a control token can add to a slice's tokens.
_CUT_TOKENS = 128
# A character has at most four bytes, and each may be a token.
_MOST_CONTINUATIONS = 3


@dataclass(frozen=True, slots=True)
class Fitted:
    """A request that fits, with its prompt's tokens and what was left out of it."""

    request: GenerateRequest
    tokens: list[int]
    dropped_tokens: int = 0
    dropped_messages: int = 0


@dataclass(frozen=True, slots=True)
class _Measured:
    """`tokens` is None for a text so long that it is sure not to fit; `length` is then what was
    counted of it, with a few too many at the cuts between its slices, and `at_least` without."""

    length: int
    at_least: int
    tokens: list[int] | None


class Fitter:
    """Fits requests into a context of `context_length` tokens."""

    def __init__(self, encoder: Encoder, context_length: int) -> None:
        self._encoder = encoder
        self._context_length = context_length

    def fit(self, request: GenerateRequest, answer: int) -> Fitted:
        """Leave out as little as possible, so that `answer` tokens can follow; fewer, when there
        is nothing more to leave out.

        Raises ContextOverflow when the request does not allow it, or when that is not enough.
        """
        target = max(1, self._context_length - answer)
        strict = request.overflow == "error"
        whole = self._measure(request, complete=not strict)
        if whole.tokens is not None and (
            len(whole.tokens) <= target or (strict and len(whole.tokens) < self._context_length)
        ):
            return Fitted(request, whole.tokens)
        if strict:
            raise self._overflow(whole)
        if request.prompt is not None:
            return self._fit_prompt(request, whole, target)
        if request.overflow == "drop_oldest":
            return self._drop_oldest(request, whole, target)
        return self._middle_out(request, whole, target)

    def whole(self, request: GenerateRequest) -> Fitted:
        """The whole prompt, which may be too long to be run.

        Raises ContextOverflow when it is longer by far.
        """
        measured = self._measure(request)
        if measured.tokens is None:
            raise self._overflow(measured)
        return Fitted(request, measured.tokens)

    def _measure(self, request: GenerateRequest, *, complete: bool = False) -> _Measured:
        """`complete` counts a hopelessly long text to its end."""
        text = long_text(request)
        if len(text) > LONG_CHARS:
            surely = counted = 0
            raw = request.prompt is not None and not request.suffix
            for tokens in self._encoder.slices(text, parse_special=raw):
                counted += len(tokens)
                surely += max(0, len(tokens) - _CUT_TOKENS)
                if surely >= self._context_length and not complete:
                    break
            if surely >= self._context_length:
                return _Measured(counted, surely, None)
        tokens = self._encoder.tokens(request)
        return _Measured(len(tokens), len(tokens), tokens)

    # Conversations

    def _drop_oldest(self, request: GenerateRequest, whole: _Measured, target: int) -> Fitted:
        conversation = Conversation(request.messages)
        cuts = conversation.cuts()
        tried: dict[int, tuple[GenerateRequest, _Measured]] = {}

        def fits(place: int) -> bool:
            shorter = replace(request, messages=conversation.after(cuts[place]))
            tried[place] = shorter, self._measure(shorter)
            return _is_at_most(tried[place][1], target)

        guess = guess_cut(conversation.shares(cuts), whole.length, target)
        place = first_that_fits(len(cuts), guess, fits)
        if place is None and not cuts:
            return self._fitted(request, whole, request, whole)
        return self._fitted(request, whole, *tried[len(cuts) - 1 if place is None else place])

    def _middle_out(self, request: GenerateRequest, whole: _Measured, target: int) -> Fitted:
        shortest = request, whole
        for spare in (True, False):
            if removable(request.messages, spare_question=spare):
                shortest = self._without_text(request, whole, target, spare)
                if _is_at_most(shortest[1], target):
                    break
        return self._fitted(request, whole, *shortest)

    def _without_text(
        self, request: GenerateRequest, whole: _Measured, target: int, spare: bool
    ) -> tuple[GenerateRequest, _Measured]:
        tried: dict[int, tuple[GenerateRequest, _Measured]] = {}

        def length(remove: int) -> int:
            messages = without_middle(request.messages, remove, spare_question=spare)
            shorter = replace(request, messages=messages)
            tried[remove] = shorter, self._measure(shorter)
            return tried[remove][1].length

        most = removable(request.messages, spare_question=spare)
        excess = (whole.length - target) / max(1, whole.length)
        best = least_removal(most, excess, target, length)
        if best not in tried:
            length(best)
        return tried[best]

    # Prompts

    def _fit_prompt(self, request: GenerateRequest, whole: _Measured, target: int) -> Fitted:
        if request.suffix:
            tokens = self._near_gap(request, target)
        else:
            # Only a text is ever too long to be tokenized in one piece.
            tokens = whole.tokens or self._encoder.plain_in_slices(str(request.prompt))
            tokens = (
                self._without_beginning(tokens, target)
                if request.overflow == "drop_oldest"
                else self._without_middle(tokens, target)
            )
        shorter = replace(request, prompt=tuple(tokens), suffix=None)
        return self._fitted(request, whole, shorter, _Measured(len(tokens), len(tokens), tokens))

    def _without_beginning(self, tokens: Sequence[int], target: int) -> list[int]:
        head = self._head(tokens)
        return head + self._whole_characters(tokens[len(tokens) - target + len(head) :])

    def _without_middle(self, tokens: Sequence[int], target: int) -> list[int]:
        gap = self._encoder.vocab.tokenize(f" {GAP} ", add_special=False, parse_special=False)
        if target < 2 * len(gap):
            gap = []
        room = target - len(gap)
        tail = self._whole_characters(tokens[len(tokens) - room // 2 :])
        return [*tokens[: room - room // 2], *gap, *tail]

    def _near_gap(self, request: GenerateRequest, target: int) -> list[int]:
        """Whatever is to be left out: what is farthest from the gap says least about it."""
        marks, before, after = self._encoder.infill(request)
        room = max(2, target - len(self._encoder.join_infill(marks, (), ())))
        kept_after = min(len(after), max(room // 4, room - len(before)))
        kept_before = min(len(before), room - kept_after)
        before = before[len(before) - kept_before :]
        return self._encoder.join_infill(marks, before, after[:kept_after])

    def _head(self, tokens: Sequence[int]) -> list[int]:
        """BOS, which stays at the beginning."""
        bos = self._encoder.vocab.bos
        return [bos] if bos is not None and list(tokens[:1]) == [bos] else []

    def _whole_characters(self, tokens: Sequence[int]) -> list[int]:
        """Without the rest of a character whose first bytes are cut off."""
        start = 0
        while start < min(_MOST_CONTINUATIONS, len(tokens) - 1):
            piece = self._encoder.vocab.piece(tokens[start])
            if not piece or not 0x80 <= piece[0] < 0xC0:
                break
            start += 1
        return list(tokens[start:])

    # Results

    def _fitted(
        self,
        request: GenerateRequest,
        whole: _Measured,
        shorter: GenerateRequest,
        kept: _Measured,
    ) -> Fitted:
        """Raises ContextOverflow when `kept` leaves no room for an answer."""
        if kept.tokens is None or len(kept.tokens) >= self._context_length:
            raise self._overflow(kept, "Even with all that may be left out, the")
        return Fitted(
            shorter,
            kept.tokens,
            dropped_tokens=max(0, whole.length - len(kept.tokens)),
            dropped_messages=len(request.messages) - len(shorter.messages),
        )

    def _overflow(self, measured: _Measured, begin: str = "The") -> ContextOverflow:
        more = "" if measured.tokens is not None else "more than "
        return ContextOverflow(
            f"{begin} prompt has {more}{measured.at_least} tokens, and the context holds "
            f"{self._context_length} with the answer.",
            hint="Send less text, or set a larger context with `hob config set "
            "engine.context_length N`.",
            prompt_tokens=measured.at_least,
            context_length=self._context_length,
        )


def _is_at_most(measured: _Measured, target: int) -> bool:
    return measured.tokens is not None and len(measured.tokens) <= target
