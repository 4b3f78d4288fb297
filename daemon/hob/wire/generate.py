"""A request to generate text, and what comes back while it runs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from hob.wire.base import Value
from hob.wire.chat import ChatMessage, Reasoning, Role, Tool, ToolChoice
from hob.wire.constraint import Constraint
from hob.wire.sampling import Sampling

__all__ = ["ChatMessage", "Role", "Sampling"]

Priority = Literal["interactive", "normal", "background"]
FinishReason = Literal["stop", "length", "tool_calls", "cancelled"]
Overflow = Literal["error", "drop_oldest", "middle_out"]

MAX_STOP_STRINGS = 16
MAX_STOP_CHARS = 1_000
MAX_TOP_LOGPROBS = 20


class AdapterUse(Value, frozen=True):
    """A LoRA adapter's file and how strongly it is applied."""

    path: str
    scale: Annotated[float, Meta(ge=-100, le=100)] = 1.0


class GenerateRequest(Value, frozen=True):
    """Either `messages` (rendered by the model's chat template) or `prompt` (text or tokens).

    `suffix` asks for what stands between `prompt` and it. `max_tokens` None means the daemon's
    finite default. A stop string ends the answer and is not part of it. `id` is unique within the
    daemon's life and names the request in events and logs. `logprobs` None asks for none, else for
    so many alternatives to each token. `echo` begins the answer with the prompt. A prompt that does
    not fit is an error unless `overflow` names what to leave out. `template_values` go to the chat
    template as they are.
    """

    id: str
    messages: tuple[ChatMessage, ...] = ()
    prompt: str | tuple[int, ...] | None = None
    suffix: str | None = None
    sampling: Sampling = Sampling()
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    stop: tuple[str, ...] = ()
    priority: Priority = "normal"
    constraint: Constraint | None = None
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = ToolChoice()
    parallel_tool_calls: bool = True
    reasoning: Reasoning = Reasoning()
    logprobs: Annotated[int, Meta(ge=0, le=MAX_TOP_LOGPROBS)] | None = None
    echo: bool = False
    overflow: Overflow = "error"
    adapters: tuple[AdapterUse, ...] = ()
    template_values: dict[str, Any] = {}


class Usage(Value, frozen=True):
    """Tokens: `cached_tokens` of the prompt came out of the cache; `reasoning_tokens` of the
    completion were thoughts; `drafted_tokens` were guessed ahead, of which `accepted_tokens` were
    right. `dropped_tokens` and `dropped_messages` were left out because the prompt did not fit, as
    the request allowed."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    drafted_tokens: int = 0
    accepted_tokens: int = 0
    dropped_tokens: int = 0
    dropped_messages: int = 0


class Timings(Value, frozen=True):
    """Seconds, measured in the worker: waiting for a slot, reading the prompt, generating."""

    queued_s: float = 0.0
    prefill_s: float = 0.0
    decode_s: float = 0.0

    def tokens_per_second(self, completion_tokens: int) -> float:
        """Decode rate; the first token comes out of prefill, so it does not count."""
        return (completion_tokens - 1) / self.decode_s if self.decode_s > 0 else 0.0


class TopLogprob(Value, frozen=True):
    """A token that could have come, with the natural logarithm of its probability; `piece` is its
    bytes."""

    token: int
    piece: bytes
    logprob: float


class TokenLogprob(Value, frozen=True):
    """The token that came, and the most likely ones in its place. `logprob` None: the first token
    of a prompt has none."""

    token: int
    piece: bytes
    logprob: float | None
    top: tuple[TopLogprob, ...] = ()


class CallDelta(Value, frozen=True):
    """More of the tool call number `index`: its first delta brings `id` and `name`, all of them
    more text of `arguments`."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


class Queued(Value, frozen=True, tag="queued"):
    """The request waits for a slot; `place` 1 is next. Sent when the place changes."""

    id: str
    place: int


class Started(Value, frozen=True, tag="started"):
    """The prompt is tokenized and has its place in the batch."""

    id: str
    prompt_tokens: int
    cached_tokens: int = 0


class Delta(Value, frozen=True, tag="delta"):
    """More text, whole characters only; `tokens` were sampled since the last delta. `reasoning`
    is more of the model's thoughts, `calls` more of its tool calls."""

    id: str
    text: str = ""
    tokens: int = 1
    reasoning: str = ""
    calls: tuple[CallDelta, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()


class Finished(Value, frozen=True, tag="finished"):
    """`stop` is the stop string that has ended the answer; `context_full` says that the context
    did, not `max_tokens`."""

    id: str
    reason: FinishReason
    usage: Usage
    timings: Timings
    stop: str = ""
    context_full: bool = False


GenerateEvent = Started | Delta | Finished
