"""A conversation: its messages, the tools a model may call, and how much it may think."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from hob.wire.base import Value

Role = Literal["system", "user", "assistant", "tool"]
MediaKind = Literal["image", "audio"]
ToolMode = Literal["auto", "none", "required", "named"]
Effort = Literal["none", "minimal", "low", "medium", "high"]


class Media(Value, frozen=True):
    """An image or a sound in a message, as the bytes of its file. It stands before the character
    `at` of the message's content."""

    kind: MediaKind
    data: bytes
    at: int = 0


class ToolCall(Value, frozen=True):
    """A call that a model has made; `arguments` is the text of a JSON object."""

    name: str
    arguments: str
    id: str = ""


class ChatMessage(Value, frozen=True):
    """`tool_call_id` and `name` say which call a message of role `tool` answers. `reasoning` is
    what an assistant thought before it said `content`."""

    role: Role
    content: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""
    name: str = ""
    media: tuple[Media, ...] = ()


class Tool(Value, frozen=True):
    """A function that the model may call; `parameters` is the JSON Schema of its arguments."""

    name: str
    description: str = ""
    parameters: dict[str, Any] = {}


class HobTool(Value, frozen=True):
    """A tool that Hob has run for the model: an extension of OpenAI's answers. In a stream it comes
    when the tool is called, and again with its `result`, which is what the model is told; `failed`
    says that this is what went wrong."""

    id: str
    name: str
    arguments: str
    result: str | None = None
    failed: bool = False


class ToolChoice(Value, frozen=True):
    """`named` calls the tool `name`; `required` calls at least one of all."""

    mode: ToolMode = "auto"
    name: str = ""


class Reasoning(Value, frozen=True):
    """`enabled` and `effort` are told to the template, None leaves its default. After `budget`
    tokens the model must stop thinking. `separate` False leaves the thoughts in the text."""

    enabled: bool | None = None
    effort: Effort | None = None
    budget: Annotated[int, Meta(ge=0)] | None = None
    separate: bool = True
