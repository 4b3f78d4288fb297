"""From logits to tokens: drawing, what is forced instead, guesses that were right, and the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from hob.engine.runtime import Runtime
from hob.engine.sequence import Sequence
from hob.wire.generate import FinishReason, TokenLogprob


class Drawing:
    def __init__(self, runtime: Runtime, clock: Callable[[], float]) -> None:
        self._runtime = runtime
        self._clock = clock

    def draw(self, seq: Sequence, index: int) -> FinishReason | None:
        """Take what comes after the tokens of `seq`, whose logits are at `index`, and after each
        guess that turns out right, whose logits follow. Why the answer ends, if it does.

        Raises HobError when the sampler or its constraint cannot go on.
        """
        if seq.sampler is None:
            seq.sampler = self._runtime.sampler(seq.request, seq.tokens, seq.job.matcher)
        guesses, seq.guesses = seq.guesses, []
        seq.drafted += len(guesses)
        for row in range(len(guesses) + 1):
            if self._must_stop_thinking(seq):
                return self._close_thoughts(seq)
            draw = seq.sampler.sample(index + row)
            right = row < len(guesses) and draw.token == guesses[row]
            if right:
                seq.computed += 1
                seq.accepted += 1
            if reason := self._take(seq, draw.token, draw.logprob):
                return reason
            forced = seq.sampler.forced()
            if forced or not right:
                break
        return self._force(seq, forced)

    def score(self, seq: Sequence, index: int, first: int, count: int) -> None:
        """The prompt's own tokens after the `count` ones from `first` on, by their logits at
        `index` onward."""
        top = seq.request.logprobs or 0
        for position in range(first, min(first + count, seq.prompt_tokens - 1)):
            token = seq.tokens[position + 1]
            seq.scores.append(self._runtime.logprob(index + position - first, token, top))

    def _take(
        self, seq: Sequence, token: int, logprob: TokenLogprob | None = None
    ) -> FinishReason | None:
        end = self._runtime.is_end(token)
        piece = b"" if end else self._runtime.piece(token, seq.output.special)
        seq.add(token, piece, logprob, self._clock())
        if end or seq.output.stopped:
            return "stop"
        return "length" if seq.new_tokens >= seq.max_new else None

    def _force(self, seq: Sequence, tokens: Iterable[int]) -> FinishReason | None:
        """Take tokens that are not drawn."""
        assert seq.sampler is not None
        for token in tokens:
            seq.sampler.accept(token)
            if reason := self._take(seq, token):
                return reason
        return None

    def _must_stop_thinking(self, seq: Sequence) -> bool:
        budget = seq.job.thoughts
        return (
            budget is not None
            and not seq.thinks_no_more
            and seq.output.thinking
            and seq.thoughts >= budget.tokens
        )

    def _close_thoughts(self, seq: Sequence) -> FinishReason | None:
        assert seq.job.thoughts is not None
        seq.thinks_no_more = True
        return self._force(seq, seq.job.thoughts.close)
