"""The bodies of /v1/chat/completions and /v1/completions."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from hob.wire.base import Value
from hob.wire.chat import Effort
from hob.wire.constraint import MAX_CHOICES as MAX_CHOICE_TEXTS
from hob.wire.constraint import MAX_GRAMMAR_CHARS
from hob.wire.generate import MAX_TOP_LOGPROBS, Overflow, Priority
from hob.wire.openai.messages import (
    MAX_MESSAGES,
    MAX_TOOLS,
    FunctionDefinition,
    Message,
    NamedFunction,
    NamedTool,
    ToolDefinition,
    ToolName,
)
from hob.wire.openai.sampling import SamplingFields, TokenId

MAX_CHOICES_PER_PROMPT = 8
MAX_BEST_OF = 20
MAX_CHOICES = 32
MAX_ADAPTERS = 8
MAX_ADAPTER_NAME_CHARS = 4_096
# Tokens of a prompt: far more than any context holds.
MAX_PROMPT_ITEMS = 2**20
MAX_TEMPLATE_VALUES = 64

AnswerTokens = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Grammar = Annotated[str, Meta(max_length=MAX_GRAMMAR_CHARS)]
ChoiceTexts = Annotated[list[Grammar], Meta(min_length=1, max_length=MAX_CHOICE_TEXTS)]
Alternatives = Annotated[int, Meta(ge=0, le=MAX_TOP_LOGPROBS)]
# -1 is llama-server's word for thinking without a limit.
ThoughtTokens = Annotated[int, Meta(ge=-1, le=2**31 - 1)]


class StreamOptions(Value, frozen=True):
    include_usage: bool | None = None


class NamedSchema(Value, frozen=True):
    """OpenAI's frame around a JSON Schema; answers always follow it, `strict` or not."""

    schema: Any = None


class ResponseFormat(Value, frozen=True):
    """`type` is `text`, `json_object` or `json_schema`. `schema` is llama-server's: the schema of a
    `json_object`."""

    type: str
    json_schema: NamedSchema | None = None
    schema: Any = None


class StructuredOutputs(Value, frozen=True):
    """vLLM's; `grammar` is Lark, and `json` a schema or its text."""

    json: Any = None
    regex: Grammar | None = None
    choice: ChoiceTexts | None = None
    grammar: Grammar | None = None
    json_object: bool | None = None
    structural_tag: Any = None


class AdapterChoice(Value, frozen=True):
    """A LoRA adapter of the models folder, by its name or its file's path there."""

    name: Annotated[str, Meta(max_length=MAX_ADAPTER_NAME_CHARS)] | None = None
    path: Annotated[str, Meta(max_length=MAX_ADAPTER_NAME_CHARS)] | None = None
    scale: Annotated[float, Meta(ge=-100, le=100)] = 1.0


class GenerationRequest(SamplingFields, frozen=True, kw_only=True):
    """What chat and plain completions have in common.

    What the answer must look like is said in one way at most: llama-server's `json_schema` and
    `grammar` (GBNF), vLLM's `guided_...` (`guided_grammar` is Lark) and `structured_outputs`, or
    OpenAI's `response_format`. `context_overflow`, also called `truncation`, names what to leave
    out of a prompt that does not fit. The header X-Hob-Priority goes before `priority`.
    `keep_alive` is Ollama's: how long the model stays loaded, in seconds or as "5m".
    """

    model: str | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Annotated[int, Meta(ge=1, le=MAX_CHOICES_PER_PROMPT)] | None = None
    max_tokens: AnswerTokens | None = None
    stop: str | list[str] | None = None
    response_format: ResponseFormat | None = None
    json_schema: Any = None
    grammar: Grammar | None = None
    guided_json: Any = None
    guided_regex: Grammar | None = None
    guided_choice: ChoiceTexts | None = None
    guided_grammar: Grammar | None = None
    structured_outputs: StructuredOutputs | None = None
    lora: Annotated[list[AdapterChoice], Meta(max_length=MAX_ADAPTERS)] | None = None
    context_overflow: Overflow | None = None
    truncation: Overflow | None = None
    priority: Priority | None = None
    keep_alive: float | str | None = None


class ReasoningOptions(Value, frozen=True):
    """OpenRouter's; `max_tokens` is the budget."""

    effort: Effort | None = None
    enabled: bool | None = None
    max_tokens: ThoughtTokens | None = None


class ChatCompletionRequest(GenerationRequest, frozen=True, kw_only=True):
    """`max_completion_tokens` goes before `max_tokens`, its older name; `functions` and
    `function_call` are the older names of `tools` and `tool_choice`.

    `reasoning_effort` goes before `reasoning`, and that before `enable_thinking` among the values
    for the chat template. `reasoning_format` `none` leaves the thoughts in the text. `hob_tools`
    are tools of plugins that the model may call and Hob runs, by name or all of them.
    """

    messages: Annotated[list[Message], Meta(max_length=MAX_MESSAGES)]
    max_completion_tokens: AnswerTokens | None = None
    logprobs: bool | None = None
    top_logprobs: Alternatives | None = None
    tools: Annotated[list[ToolDefinition], Meta(max_length=MAX_TOOLS)] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    parallel_tool_calls: bool | None = None
    functions: Annotated[list[FunctionDefinition], Meta(max_length=MAX_TOOLS)] | None = None
    function_call: Literal["none", "auto"] | NamedFunction | None = None
    reasoning_effort: Effort | None = None
    reasoning: ReasoningOptions | None = None
    reasoning_budget: ThoughtTokens | None = None
    thinking_budget: ThoughtTokens | None = None
    reasoning_format: Literal["none", "auto", "deepseek", "deepseek-legacy"] | None = None
    chat_template_kwargs: Annotated[dict[str, Any], Meta(max_length=MAX_TEMPLATE_VALUES)] | None = (
        None
    )
    hob_tools: Literal["all"] | Annotated[list[ToolName], Meta(max_length=MAX_TOOLS)] | None = None
    # Refused unless they ask for nothing.
    audio: Any = None
    modalities: Any = None
    web_search_options: Any = None


class CompletionRequest(GenerationRequest, frozen=True, kw_only=True):
    """`prompt` is one prompt as text or as tokens, or a list of such.

    Of `best_of` answers the `n` likeliest come back. `suffix` asks for what stands between the
    prompt and it. `logprobs` is how many alternatives to each token are told; true is 0 of them,
    false asks for no probabilities.
    """

    prompt: str | Annotated[list[str | TokenId | list[TokenId]], Meta(max_length=MAX_PROMPT_ITEMS)]
    best_of: Annotated[int, Meta(ge=1, le=MAX_BEST_OF)] | None = None
    echo: bool | None = None
    suffix: str | None = None
    logprobs: Alternatives | bool | None = None
