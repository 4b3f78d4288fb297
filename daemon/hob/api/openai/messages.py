"""The messages of a conversation, as the engine's values. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hob.api.openai.free_values import read_json
from hob.api.openai.media import MediaReader
from hob.errors import InvalidRequest, UnsupportedParameter
from hob.wire.chat import ChatMessage, Media, Role, ToolCall
from hob.wire.openai.messages import ContentPart, Message, MessageToolCall

_ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}


def messages_of(given: Sequence[Message]) -> tuple[ChatMessage, ...]:
    """Raises InvalidRequest or UnsupportedParameter, naming the message at fault."""
    if not given:
        raise InvalidRequest(
            "`messages` is empty, so there is nothing to answer.", param="messages"
        )
    media = MediaReader()
    return tuple(
        _message(message, f"messages[{index}]", media) for index, message in enumerate(given)
    )


def _message(message: Message, where: str, reader: MediaReader) -> ChatMessage:
    role = _ROLES.get(message.role)
    if role is None:
        raise InvalidRequest(
            f"{message.role!r} is not a role that a message can have.",
            hint=f"The roles are {', '.join(_ROLES)}.",
            param=f"{where}.role",
        )
    calls = _calls(message, role, where)
    reasoning = message.reasoning_content or message.reasoning or ""
    thinks = role == "assistant"
    if message.content is None and not calls and not (thinks and reasoning):
        raise InvalidRequest("A message has no content.", param=f"{where}.content")
    content, media = _content(message.content or "", f"{where}.content", reader)
    is_result = role == "tool"
    return ChatMessage(
        role=role,
        content=content,
        reasoning=reasoning if thinks else "",
        tool_calls=calls,
        tool_call_id=(message.tool_call_id or "") if is_result else "",
        name=(message.name or "") if is_result else "",
        media=media,
    )


def _calls(message: Message, role: Role, where: str) -> tuple[ToolCall, ...]:
    given = [(call, f"{where}.tool_calls[{n}]") for n, call in enumerate(message.tool_calls or ())]
    if message.function_call is not None:
        older = MessageToolCall(function=message.function_call)
        given.append((older, f"{where}.function_call"))
    if given and role != "assistant":
        raise InvalidRequest(
            f"A message of role {message.role!r} has tool calls, which only an assistant makes.",
            param=given[0][1],
        )
    return tuple(_call(call, place) for call, place in given)


def _call(given: MessageToolCall, where: str) -> ToolCall:
    if given.type != "function":
        raise UnsupportedParameter(
            f"A tool call is of type {given.type[:40]!r}; this version of Hob does functions only.",
            hint="Leave it out.",
            param=f"{where}.type",
        )
    arguments = given.function.arguments.strip() or "{}"
    if not isinstance(read_json(arguments, f"{where}.function.arguments"), dict):
        raise InvalidRequest(
            "The arguments of a tool call are not the text of a JSON object.",
            param=f"{where}.function.arguments",
        )
    return ToolCall(name=given.function.name, arguments=arguments, id=given.id)


def _content(
    content: str | list[ContentPart], where: str, reader: MediaReader
) -> tuple[str, tuple[Media, ...]]:
    """The text of all parts, with a line break between two texts that follow each other, and the
    media between them."""
    if isinstance(content, str):
        return content, ()
    text = ""
    media: list[Media] = []
    after_text = False
    for number, part in enumerate(content):
        place = f"{where}[{number}]"
        match part.type:
            case "text":
                text += ("\n" if after_text else "") + _text(part, place)
            case "image_url":
                media.append(reader.image(part.image_url, len(text), place))
            case "input_audio":
                media.append(reader.audio(part.input_audio, len(text), place))
            case _:
                raise UnsupportedParameter(
                    f"A message has a part of type {part.type[:40]!r}, which this version of Hob "
                    "does not do.",
                    hint="Send parts of type text, image_url or input_audio.",
                    param=f"{place}.type",
                )
        after_text = part.type == "text"
    return text, tuple(media)


def _text(part: ContentPart, where: str) -> str:
    if part.text is None:
        raise InvalidRequest("A text part has no text.", param=f"{where}.text")
    return part.text
