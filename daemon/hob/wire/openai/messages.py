"""A conversation and its tools, as OpenAI's clients write them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from hob.wire.base import Value

MAX_MESSAGES = 65_536
# Content parts of one message: far more than any context holds.
MAX_PARTS = 4_096
MAX_TOOLS = 128

ToolName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")]


class ImageUrl(Value, frozen=True):
    """`url` holds the image itself, as `data:image/png;base64,...`."""

    url: str


class InputAudio(Value, frozen=True):
    """`data` is the file in base64."""

    data: str
    format: Literal["wav", "mp3"]


class ContentPart(Value, frozen=True):
    """One part of a message: of type `text`, `image_url` or `input_audio`."""

    type: str
    text: str | None = None
    image_url: ImageUrl | str | None = None
    input_audio: InputAudio | None = None


class CalledFunction(Value, frozen=True):
    """`arguments` is the text of a JSON object."""

    name: str
    arguments: str = ""


class MessageToolCall(Value, frozen=True):
    function: CalledFunction
    id: str = ""
    type: str = "function"


class Message(Value, frozen=True):
    """`function_call` and the role `function` are the older names for tool calls and their results;
    `reasoning` is another name of `reasoning_content`."""

    role: str
    content: str | Annotated[list[ContentPart], Meta(max_length=MAX_PARTS)] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: Annotated[list[MessageToolCall], Meta(max_length=MAX_TOOLS)] | None = None
    function_call: CalledFunction | None = None
    tool_call_id: str | None = None
    name: str | None = None


class FunctionDefinition(Value, frozen=True):
    """`parameters` is the JSON Schema of its arguments, None for a function without any."""

    name: ToolName
    description: str | None = None
    parameters: dict[str, Any] | None = None


class ToolDefinition(Value, frozen=True):
    type: str
    function: FunctionDefinition | None = None


class NamedFunction(Value, frozen=True):
    name: str


class NamedTool(Value, frozen=True):
    """A tool choice that names the tool."""

    type: str
    function: NamedFunction | None = None
