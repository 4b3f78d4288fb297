"""The values of the OpenAI-compatible routes: https://platform.openai.com/docs/api-reference.

Requests name every field that Hob acts on or refuses; all others are ignored, as clients send many
extras. `null` is the same as leaving a field out. Replies carry every field that the reference
requires, and `timings`, which is Hob's own.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from hob.errors import Detail
from hob.wire.base import Body, Value
from hob.wire.generate import FinishReason

MAX_CHOICES_PER_PROMPT = 8
MAX_CHOICES = 32
MAX_MESSAGES = 65_536
# Content parts of one message, and tokens of a prompt: far more than any context holds.
MAX_PARTS = 4_096
MAX_PROMPT_ITEMS = 2**20
MAX_LOGIT_BIAS = 4_096
MAX_TOKEN_ID = 2**31 - 1

Probability = Annotated[float, Meta(ge=0, le=1)]
Penalty = Annotated[float, Meta(ge=-2, le=2)]
AnswerTokens = Annotated[int, Meta(ge=1, le=2**31 - 1)]
TokenId = Annotated[int, Meta(ge=0, le=MAX_TOKEN_ID)]
Bias = Annotated[float, Meta(ge=-100, le=100)]


class StreamOptions(Value, frozen=True):
    include_usage: bool | None = None


class GenerationRequest(Value, frozen=True):
    """What chat and plain completions have in common.

    `top_k`, `min_p`, `repeat_penalty` and `repeat_last_n` are llama-server's extensions: -1 as
    `top_k` turns it off, and as `repeat_last_n` takes the longest window. `seed` is any integer:
    its low 32 bits count, and each further choice adds one.
    """

    model: str | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Annotated[int, Meta(ge=1, le=MAX_CHOICES_PER_PROMPT)] | None = None
    max_tokens: AnswerTokens | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    temperature: Annotated[float, Meta(ge=0, le=100)] | None = None
    top_p: Probability | None = None
    frequency_penalty: Penalty | None = None
    presence_penalty: Penalty | None = None
    logit_bias: dict[str, Bias] | None = None
    top_k: Annotated[int, Meta(ge=-1, le=1_000_000)] | None = None
    min_p: Probability | None = None
    repeat_penalty: Annotated[float, Meta(gt=0, le=100)] | None = None
    repeat_last_n: Annotated[int, Meta(ge=-1, le=65_536)] | None = None
    # Refused unless they ask for nothing.
    grammar: Any = None
    json_schema: Any = None


class ContentPart(Value, frozen=True):
    """One part of a message; only those of type `text` are understood."""

    type: str
    text: str | None = None


class Message(Value, frozen=True):
    role: str
    content: str | Annotated[list[ContentPart], Meta(max_length=MAX_PARTS)] | None = None
    tool_calls: Any = None
    function_call: Any = None


class ChatCompletionRequest(GenerationRequest, frozen=True, kw_only=True):
    """`max_completion_tokens` goes before `max_tokens`, its older name."""

    messages: Annotated[list[Message], Meta(max_length=MAX_MESSAGES)]
    max_completion_tokens: AnswerTokens | None = None
    # Refused unless they ask for nothing.
    tools: Any = None
    tool_choice: Any = None
    functions: Any = None
    function_call: Any = None
    response_format: Any = None
    logprobs: Any = None
    top_logprobs: Any = None
    audio: Any = None
    modalities: Any = None
    web_search_options: Any = None


class CompletionRequest(GenerationRequest, frozen=True, kw_only=True):
    """`prompt` is one prompt as text or as tokens, or a list of such."""

    prompt: str | Annotated[list[str | TokenId | list[TokenId]], Meta(max_length=MAX_PROMPT_ITEMS)]
    # Refused unless they ask for nothing.
    echo: Any = None
    suffix: Any = None
    best_of: Any = None
    logprobs: Any = None


class PromptTokensDetails(Body, frozen=True):
    cached_tokens: int


class CompletionUsage(Body, frozen=True):
    """Tokens. A prompt counts once however many choices were asked for."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokensDetails


class AnswerTimings(Body, frozen=True):
    """How one answer went, in seconds: waiting for a slot, reading the prompt, generating; and the
    rate of generating in tokens per second. Left out of a whole reply with several choices."""

    queued_s: float
    prefill_s: float
    decode_s: float
    tokens_per_second: float


class AnswerMessage(Body, frozen=True):
    content: str
    role: Literal["assistant"] = "assistant"
    refusal: None = None


class ChatChoice(Body, frozen=True):
    index: int
    message: AnswerMessage
    finish_reason: FinishReason
    logprobs: None = None


class ChatCompletion(Body, frozen=True):
    id: str
    created: int
    model: str
    choices: tuple[ChatChoice, ...]
    usage: CompletionUsage
    system_fingerprint: str
    timings: AnswerTimings | UnsetType = UNSET
    object: Literal["chat.completion"] = "chat.completion"


class ChatDelta(Value, frozen=True):
    role: Literal["assistant"] | None = None
    content: str | None = None


class ChatChunkChoice(Body, frozen=True):
    index: int
    delta: ChatDelta
    finish_reason: FinishReason | None = None
    logprobs: None = None


class ChatCompletionChunk(Body, frozen=True):
    """`usage` is null on every chunk but the last when it was asked for, and else absent;
    `timings` is on the chunk that ends a choice."""

    id: str
    created: int
    model: str
    choices: tuple[ChatChunkChoice, ...]
    system_fingerprint: str
    usage: CompletionUsage | UnsetType | None = UNSET
    timings: AnswerTimings | UnsetType = UNSET
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"


class TextChoice(Body, frozen=True):
    index: int
    text: str
    finish_reason: FinishReason | None = None
    logprobs: None = None


class Completion(Body, frozen=True):
    """A plain completion, whole or one chunk of its stream; see ChatCompletionChunk."""

    id: str
    created: int
    model: str
    choices: tuple[TextChoice, ...]
    system_fingerprint: str
    usage: CompletionUsage | UnsetType | None = UNSET
    timings: AnswerTimings | UnsetType = UNSET
    object: Literal["text_completion"] = "text_completion"


class ModelCard(Body, frozen=True):
    """`id` is the model's name in Hob; `created` is when its file was changed, in unix seconds."""

    id: str
    created: int
    object: Literal["model"] = "model"
    owned_by: Literal["hob"] = "hob"


class ModelCards(Body, frozen=True):
    data: tuple[ModelCard, ...]
    object: Literal["list"] = "list"


class OpenAIError(msgspec.Struct, frozen=True, kw_only=True):
    """`message` says what happened and what to do; `details` is Hob's own (see hob.errors)."""

    message: str
    type: str
    param: str | None
    code: str
    details: dict[str, Detail] | UnsetType = UNSET


class OpenAIErrorReply(Body, frozen=True):
    error: OpenAIError
