"""One request on its way through the engine."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from hob.engine.job import Job
from hob.engine.output.stream import Emission, Output
from hob.engine.runtime import Sampler
from hob.engine.scheduler import Live, Waiting
from hob.wire.generate import Delta, Finished, FinishReason, GenerateRequest, Timings, Usage

# Text goes out 30 times a second at the most, which reads as smoothly as every token would. Each
# message costs the daemon and the client time that the model's threads need: where a token takes
# 10 ms on two cores, sending every one of them slows the answer by some 5 %.
FRAME_S = 1 / 30


@dataclass(slots=True, eq=False)
class Sequence:
    """A request with its tokens: first the prompt, then what was sampled.

    `computed` of the `tokens` have cells in the KV cache. Times are seconds of the loop's clock.
    """

    request: GenerateRequest
    arrival: int
    accepted_at: float
    tokens: list[int] = field(default_factory=list)
    prompt_tokens: int = 0
    cached_tokens: int = 0
    max_new: int = 0
    computed: int = 0
    slot: int = 0
    _job: Job | None = None
    sampler: Sampler | None = None
    unsent: int = 0
    unsent_output: Emission = field(default_factory=Emission)
    sent_at: float = -math.inf
    admitted_at: float = 0.0
    first_token_at: float = 0.0

    @property
    def id(self) -> str:
        return self.request.id

    @property
    def new_tokens(self) -> int:
        return len(self.tokens) - self.prompt_tokens

    @property
    def job(self) -> Job:
        assert self._job is not None, "only a prepared request has a job"
        return self._job

    @property
    def output(self) -> Output:
        return self.job.output

    def prepared(self, job: Job) -> None:
        """The prompt is tokenized; at most `max_new` tokens follow it."""
        self._job = job
        self.tokens = list(job.prompt.tokens)
        self.prompt_tokens, self.max_new = len(self.tokens), job.prompt.max_new

    def waiting(self) -> Waiting:
        cells = self.prompt_tokens + self.max_new
        return Waiting(self.id, self.request.priority, self.arrival, cells)

    def live(self) -> Live:
        return Live(
            id=self.id,
            priority=self.request.priority,
            arrival=self.arrival,
            pending=len(self.tokens) - self.computed,
            decoding=self.new_tokens > 0,
        )

    def add(self, token: int, piece: bytes, now: float) -> Delta | None:
        """Take a sampled token; a delta when there is text to send and the last is a frame old."""
        if not self.new_tokens:
            self.first_token_at = now
        self.tokens.append(token)
        self.unsent += 1
        self.unsent_output += self.output.push(piece)
        if now - self.sent_at < FRAME_S:
            return None
        if delta := self._delta():
            self.sent_at = now
        return delta

    def rest(self) -> Delta | None:
        """The text that was held back, at the end of the answer."""
        self.unsent_output += self.output.flush()
        return self._delta()

    def _delta(self) -> Delta | None:
        new = self.unsent_output
        if not new:
            return None
        delta = Delta(
            id=self.id, text=new.text, tokens=self.unsent, reasoning=new.reasoning, calls=new.calls
        )
        self.unsent, self.unsent_output = 0, Emission()
        return delta

    def finished(self, reason: FinishReason, now: float) -> Finished:
        return Finished(
            id=self.id,
            reason=reason,
            usage=Usage(
                prompt_tokens=self.prompt_tokens,
                completion_tokens=self.new_tokens,
                cached_tokens=self.cached_tokens,
            ),
            timings=self._timings(now),
            stop=self._job.output.stopped if self._job else "",
        )

    def _timings(self, now: float) -> Timings:
        admitted = self.admitted_at or now
        first = self.first_token_at or now
        return Timings(
            queued_s=admitted - self.accepted_at,
            prefill_s=first - admitted,
            decode_s=now - first,
        )
