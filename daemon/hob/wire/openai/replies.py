"""The replies of the OpenAI-compatible routes."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from hob.errors import Detail
from hob.wire.base import Body, Value
from hob.wire.chat import HobTool

ChoiceEnd = Literal["stop", "length", "tool_calls", "function_call", "cancelled"]


class PromptTokensDetails(Body, frozen=True):
    cached_tokens: int


class CompletionTokensDetails(Body, frozen=True):
    """Predictions are tokens that Hob guessed ahead."""

    reasoning_tokens: int
    accepted_prediction_tokens: int
    rejected_prediction_tokens: int


class CompletionUsage(Body, frozen=True):
    """Tokens. A prompt counts once however many choices were asked for. What was left out of the
    prompt because it did not fit is counted in `dropped_tokens` and `dropped_messages`."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokensDetails
    completion_tokens_details: CompletionTokensDetails
    dropped_tokens: int | UnsetType = UNSET
    dropped_messages: int | UnsetType = UNSET


class AnswerTimings(Body, frozen=True):
    """How one answer went, in seconds: waiting for a slot, reading the prompt, generating; and the
    rate of generating in tokens per second. Left out of a whole reply with several choices."""

    queued_s: float
    prefill_s: float
    decode_s: float
    tokens_per_second: float


class Likelihood(Body, frozen=True):
    """A token that could have come; `bytes` are all of it, `token` is as much as is text."""

    token: str
    logprob: float
    bytes: tuple[int, ...]


class ChatLogprob(Likelihood, frozen=True):
    top_logprobs: tuple[Likelihood, ...]


class ChatLogprobs(Body, frozen=True):
    content: tuple[ChatLogprob, ...]
    refusal: None = None


class FunctionText(Value, frozen=True):
    """A function that is called, or in a stream more of its `arguments`."""

    arguments: str | UnsetType = UNSET
    name: str | UnsetType = UNSET


class AnswerToolCall(Body, frozen=True):
    id: str
    function: FunctionText
    type: Literal["function"] = "function"


class ToolCallDelta(Body, frozen=True):
    """`id`, `type` and the function's name come first, and once."""

    index: int
    function: FunctionText
    id: str | UnsetType = UNSET
    type: Literal["function"] | UnsetType = UNSET


class AnswerMessage(Body, frozen=True):
    """`content` is null when there are only calls."""

    content: str | None
    role: Literal["assistant"] = "assistant"
    refusal: None = None
    reasoning_content: str | UnsetType = UNSET
    tool_calls: tuple[AnswerToolCall, ...] | UnsetType = UNSET
    function_call: FunctionText | UnsetType = UNSET
    hob_tools: tuple[HobTool, ...] | UnsetType = UNSET


class ChatChoice(Body, frozen=True):
    """`context_full`: the context has ended the answer, not `max_tokens`."""

    index: int
    message: AnswerMessage
    finish_reason: ChoiceEnd
    logprobs: ChatLogprobs | None = None
    context_full: bool | UnsetType = UNSET


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
    reasoning_content: str | None = None
    tool_calls: tuple[ToolCallDelta, ...] | None = None
    function_call: FunctionText | None = None
    hob_tool: HobTool | None = None


class ChatChunkChoice(Body, frozen=True):
    index: int
    delta: ChatDelta
    finish_reason: ChoiceEnd | None = None
    logprobs: ChatLogprobs | None = None
    context_full: bool | UnsetType = UNSET


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


class TextLogprobs(Body, frozen=True):
    """One item for each token in every field; `text_offset` counts the characters of the choice's
    text before it. A token that is no text is written as `bytes:` and its bytes."""

    tokens: tuple[str, ...]
    token_logprobs: tuple[float | None, ...]
    top_logprobs: tuple[dict[str, float] | None, ...]
    text_offset: tuple[int, ...]


class TextChoice(Body, frozen=True):
    index: int
    text: str
    finish_reason: ChoiceEnd | None = None
    logprobs: TextLogprobs | None = None
    context_full: bool | UnsetType = UNSET


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
    """`id` is the model's name in Hob; `created` is when its file was changed, in unix seconds.
    `parent` is vLLM's: the model that a profile is made of."""

    id: str
    created: int
    object: Literal["model"] = "model"
    owned_by: Literal["hob"] = "hob"
    parent: str | UnsetType = UNSET


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
