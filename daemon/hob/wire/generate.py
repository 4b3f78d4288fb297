"""A request to generate text, and what comes back while it runs."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from hob.wire.base import Value

Role = Literal["system", "user", "assistant", "tool"]
Priority = Literal["interactive", "normal", "background"]
FinishReason = Literal["stop", "length", "cancelled"]

MAX_STOP_STRINGS = 16
MAX_STOP_CHARS = 1_000


class ChatMessage(Value, frozen=True):
    role: Role
    content: str


class Sampling(Value, frozen=True):
    """How the next token is drawn; the defaults and the order of the chain are llama.cpp's.

    logit bias, penalties, top-k, top-p, min-p, temperature, then a draw by `seed`.
    `temperature` 0 takes the most likely token. `seed` None draws one. `repeat_last_n` is the
    penalties' window in tokens; 0 turns them off.
    """

    temperature: Annotated[float, Meta(ge=0, le=100)] = 0.8
    top_k: Annotated[int, Meta(ge=0, le=1_000_000)] = 40
    top_p: Annotated[float, Meta(ge=0, le=1)] = 0.95
    min_p: Annotated[float, Meta(ge=0, le=1)] = 0.05
    repeat_penalty: Annotated[float, Meta(gt=0, le=100)] = 1.0
    repeat_last_n: Annotated[int, Meta(ge=0, le=65_536)] = 64
    frequency_penalty: Annotated[float, Meta(ge=-2, le=2)] = 0.0
    presence_penalty: Annotated[float, Meta(ge=-2, le=2)] = 0.0
    seed: Annotated[int, Meta(ge=0, le=2**32 - 1)] | None = None
    logit_bias: dict[int, float] = {}


class GenerateRequest(Value, frozen=True):
    """Either `messages` (rendered by the model's chat template) or `prompt` (text or tokens).

    `max_tokens` None means the daemon's finite default. A stop string ends the answer and is not
    part of it. `id` is unique within the daemon's life and names the request in events and logs.
    """

    id: str
    messages: tuple[ChatMessage, ...] = ()
    prompt: str | tuple[int, ...] | None = None
    sampling: Sampling = Sampling()
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    stop: tuple[str, ...] = ()
    priority: Priority = "normal"


class Usage(Value, frozen=True):
    """Tokens: `cached_tokens` of the prompt were already in the KV cache."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0


class Timings(Value, frozen=True):
    """Seconds, measured in the worker: waiting for a slot, reading the prompt, generating."""

    queued_s: float = 0.0
    prefill_s: float = 0.0
    decode_s: float = 0.0

    def tokens_per_second(self, completion_tokens: int) -> float:
        """Decode rate; the first token comes out of prefill, so it does not count."""
        return (completion_tokens - 1) / self.decode_s if self.decode_s > 0 else 0.0


class Started(Value, frozen=True, tag="started"):
    """The prompt is tokenized and has its place in the batch."""

    id: str
    prompt_tokens: int
    cached_tokens: int = 0


class Delta(Value, frozen=True, tag="delta"):
    """More text, whole characters only; `tokens` were sampled since the last delta."""

    id: str
    text: str
    tokens: int = 1


class Finished(Value, frozen=True, tag="finished"):
    id: str
    reason: FinishReason
    usage: Usage
    timings: Timings
    stop: str = ""


GenerateEvent = Started | Delta | Finished
