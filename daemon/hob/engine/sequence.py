"""One request on its way through the engine."""

from __future__ import annotations

from dataclasses import dataclass, field

from hob.engine.runtime import Sampler
from hob.engine.scheduler import Live, Waiting
from hob.engine.text import TextStream
from hob.wire.generate import Delta, Finished, FinishReason, GenerateRequest, Timings, Usage


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
    sampler: Sampler | None = None
    text: TextStream = field(default_factory=TextStream)
    unsent: int = 0
    admitted_at: float = 0.0
    first_token_at: float = 0.0

    @property
    def id(self) -> str:
        return self.request.id

    @property
    def new_tokens(self) -> int:
        return len(self.tokens) - self.prompt_tokens

    def prepared(self, tokens: list[int], max_new: int) -> None:
        """The prompt is tokenized; at most `max_new` tokens follow it."""
        self.tokens, self.prompt_tokens, self.max_new = tokens, len(tokens), max_new

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
        """Take a sampled token; the delta when it makes new text certain."""
        if not self.new_tokens:
            self.first_token_at = now
        self.tokens.append(token)
        self.unsent += 1
        return self._delta(self.text.push(piece))

    def rest(self) -> Delta | None:
        """The text that was held back, at the end of the answer."""
        return self._delta(self.text.flush())

    def _delta(self, text: str) -> Delta | None:
        if not text:
            return None
        unsent, self.unsent = self.unsent, 0
        return Delta(id=self.id, text=text, tokens=unsent)

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
            stop=self.text.stopped,
        )

    def _timings(self, now: float) -> Timings:
        admitted = self.admitted_at or now
        first = self.first_token_at or now
        return Timings(
            queued_s=admitted - self.accepted_at,
            prefill_s=first - admitted,
            decode_s=now - first,
        )
