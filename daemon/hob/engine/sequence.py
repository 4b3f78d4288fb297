"""One request on its way through the engine."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, field

from hob.engine.job import Job
from hob.engine.media import MediaRun
from hob.engine.output.stream import Emission, Output
from hob.engine.runtime import Sampler
from hob.wire.generate import (
    Delta,
    Finished,
    FinishReason,
    GenerateRequest,
    Timings,
    TokenLogprob,
    Usage,
)

# Text goes out 30 times a second at the most, which reads as smoothly as every token would. Each
# message costs the daemon and the client time that the model's threads need: where a token takes
# 10 ms on two cores, sending every one of them slows the answer by some 5 %.
FRAME_S = 1 / 30


@dataclass(slots=True, eq=False)
class Sequence:
    """A request with its tokens: first the prompt, then what was sampled.

    `computed` of the `tokens` have cells in the KV cache, while the request has a `slot`.
    `guesses` are what may come next, to be computed along and kept as far as they are right.
    `stops` are lengths at which a step must end. Times are seconds of the loop's clock.
    """

    request: GenerateRequest
    arrived: float
    prefill: bool = False
    tokens: list[int] = field(default_factory=list)
    prompt_tokens: int = 0
    cached_tokens: int = 0
    max_new: int = 0
    computed: int = 0
    known: int = 0
    slot: int | None = None
    group: int = 0
    stepped: int = 0
    stops: tuple[int, ...] = ()
    guesses: list[int] = field(default_factory=list)
    drafted: int = 0
    accepted: int = 0
    scores: list[TokenLogprob] = field(default_factory=list)
    sampler: Sampler | None = None
    told_place: int = 0
    thoughts: int = 0
    thinks_no_more: bool = False
    unsent: int = 0
    unsent_output: Emission = field(default_factory=Emission)
    unsent_logprobs: list[TokenLogprob] = field(default_factory=list)
    sent_at: float = -math.inf
    admitted_at: float | None = None
    first_token_at: float | None = None
    _job: Job | None = None

    @property
    def id(self) -> str:
        return self.request.id

    @property
    def key(self) -> Hashable:
        """What besides the tokens decides what their cells hold."""
        return self.request.adapters

    @property
    def job(self) -> Job:
        assert self._job is not None, "only a prepared request has a job"
        return self._job

    @property
    def output(self) -> Output:
        return self.job.output

    @property
    def scores_prompt(self) -> bool:
        """The prompt's own tokens are to be told with their probabilities, so that nothing of it
        can come out of the cache."""
        return self.request.echo and self.request.logprobs is not None

    @property
    def new_tokens(self) -> int:
        return len(self.tokens) - self.prompt_tokens

    @property
    def pending(self) -> int:
        """Tokens to be computed: those that are certain, and the guesses after them."""
        return len(self.tokens) - self.computed + len(self.guesses)

    @property
    def decoding(self) -> bool:
        """Only what was sampled last is left to compute."""
        few = self.computed >= len(self.tokens) - _FEW
        return self.new_tokens > 0 and few and all(run.end <= self.computed for run in self._runs)

    @property
    def media(self) -> MediaRun | None:
        """The image or sound that is to be computed next."""
        return next((run for run in self._runs if run.start == self.computed), None)

    @property
    def _runs(self) -> tuple[MediaRun, ...]:
        return self._job.prompt.media if self._job else ()

    @property
    def to_next_stop(self) -> int:
        """Tokens up to where the next step must end at the latest; of a medium, all."""
        if medium := self.media:
            return medium.length
        stops = [*self.stops, *(run.start for run in self._runs)]
        ahead = [stop - self.computed for stop in stops if stop > self.computed]
        return min([self.pending, *ahead])

    def prepared(self, job: Job) -> None:
        """The prompt is tokenized; at most `max_new` tokens follow it."""
        self._job = job
        self.tokens = list(job.prompt.tokens)
        self.prompt_tokens, self.max_new = len(self.tokens), job.prompt.max_new
        if self.scores_prompt:
            # Nothing comes before the first token that could make it likely.
            self.scores = [TokenLogprob(token=self.tokens[0], piece=b"", logprob=None)]

    def add(self, token: int, piece: bytes, logprob: TokenLogprob | None, now: float) -> None:
        """Take a token that has come."""
        if not self.new_tokens:
            self.first_token_at = now
        self.tokens.append(token)
        self.unsent += 1
        if self.output.thinking:
            self.thoughts += 1
        self.show(piece, logprob)

    def show(self, piece: bytes, logprob: TokenLogprob | None) -> None:
        """More of the output, which `take_delta` sends."""
        self.unsent_output += self.output.push(piece)
        if logprob is not None:
            self.unsent_logprobs.append(logprob)

    def take_delta(self, now: float) -> Delta | None:
        """What there is to send, when the last delta is a frame old."""
        if now - self.sent_at < FRAME_S:
            return None
        if delta := self._delta():
            self.sent_at = now
        return delta

    def rest(self) -> Delta | None:
        """What was held back, at the end of the answer."""
        self.unsent_output += self.output.flush()
        return self._delta()

    def _delta(self) -> Delta | None:
        new = self.unsent_output
        if not (new or self.unsent_logprobs):
            return None
        delta = Delta(
            id=self.id,
            text=new.text,
            tokens=self.unsent,
            reasoning=new.reasoning,
            calls=new.calls,
            logprobs=tuple(self.unsent_logprobs),
        )
        self.unsent, self.unsent_output, self.unsent_logprobs = 0, Emission(), []
        return delta

    def close(self) -> None:
        """Nothing more is drawn."""
        if self.sampler:
            self.sampler.close()
            self.sampler = None

    def finished(self, reason: FinishReason, now: float) -> Finished:
        prompt = self._job.prompt if self._job else None
        return Finished(
            id=self.id,
            reason=reason,
            usage=Usage(
                prompt_tokens=self.prompt_tokens,
                completion_tokens=self.new_tokens,
                cached_tokens=self.cached_tokens,
                reasoning_tokens=self.thoughts,
                drafted_tokens=self.drafted,
                accepted_tokens=self.accepted,
                dropped_tokens=prompt.dropped_tokens if prompt else 0,
                dropped_messages=prompt.dropped_messages if prompt else 0,
            ),
            timings=self._timings(now),
            stop=self._job.output.stopped if self._job else "",
            context_full=reason == "length" and prompt is not None and prompt.context_full,
        )

    def _timings(self, now: float) -> Timings:
        admitted = now if self.admitted_at is None else self.admitted_at
        first = now if self.first_token_at is None else self.first_token_at
        return Timings(
            queued_s=admitted - self.arrived,
            prefill_s=first - admitted,
            decode_s=now - first,
        )


# A constraint may force several tokens at once, which are computed like one that was sampled.
_FEW = 64
