"""Rewriting a conversation so that a chat template takes it. Nothing that was said gets lost."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from hob.engine.output.format import ARGUMENTS, MISTRAL_ID_CHARS, NAME
from hob.engine.output.formats.generic import GENERIC
from hob.engine.prompts.client_texts import decode_arguments
from hob.wire.chat import ChatMessage, Tool, ToolCall

_MISTRAL_ID = re.compile(f"[a-zA-Z0-9]{{{MISTRAL_ID_CHARS}}}")

_INSTRUCTIONS = """\
You can call these functions:

{tools}

To call one, write a JSON object with its name and its arguments between <tool_call> and \
</tool_call>:
{example}
What it returns comes back between <tool_response> and </tool_response>. Without need for a \
function, answer as usual."""


def message_values(
    message: ChatMessage, *, arguments_as_text: bool = False, short_ids: bool = False
) -> dict[str, Any]:
    """A message as templates expect it; keys without a value are absent, since templates ask
    whether they are there."""
    name = mistral_id_of if short_ids else str
    values: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.reasoning:
        values["reasoning_content"] = message.reasoning
        if not (message.content and message.tool_calls):
            # gpt-oss refuses thoughts and a text before one call.
            values["thinking"] = message.reasoning
    if message.tool_calls:
        values["tool_calls"] = [
            {
                "id": name(call.id),
                "type": "function",
                "function": {
                    "name": call.name,
                    "arguments": _arguments(call.arguments, as_text=arguments_as_text),
                },
            }
            for call in message.tool_calls
        ]
    if message.tool_call_id:
        values["tool_call_id"] = name(message.tool_call_id)
    if message.name:
        values["name"] = message.name
    return values


def in_parts(message: dict[str, Any]) -> dict[str, Any]:
    """A message of `message_values` with its content as a list of parts. Where it has media, the
    text holds their marks, so that the template adds nothing of its own."""
    return {**message, "content": [{"type": "text", "text": message["content"]}]}


def _arguments(text: str, *, as_text: bool) -> dict[str, Any] | str:
    value = decode_arguments(text)
    if value is None:
        return text
    return json.dumps(value, ensure_ascii=False) if as_text else value


def tool_values(tool: Tool) -> dict[str, Any]:
    """A tool as templates expect it: they read the properties of its parameters unasked."""
    parameters = {"type": "object", "properties": {}, **tool.parameters}
    function = {"name": tool.name, "description": tool.description, "parameters": parameters}
    return {"type": "function", "function": function}


def with_tools_in_system(
    messages: list[dict[str, Any]], tools: Sequence[Tool]
) -> list[dict[str, Any]]:
    """The values of messages with the tools, as JSON, in the one of the system."""
    listed = json.dumps([tool_values(tool)["function"] for tool in tools], ensure_ascii=False)
    if messages and messages[0]["role"] == "system":
        return [{**messages[0], "tools": listed}, *messages[1:]]
    return [{"role": "system", "content": "", "tools": listed}, *messages]


def mistral_id_of(call_id: str) -> str:
    """An id of the only form that Mistral's templates take, the same for the same id."""
    if _MISTRAL_ID.fullmatch(call_id):
        return call_id
    return hashlib.sha256(call_id.encode("utf-8", "replace")).hexdigest()[:MISTRAL_ID_CHARS]


def name_results(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """Each tool's result with the name of the tool, which the call it answers tells."""
    names = {call.id: call.name for message in messages for call in message.tool_calls if call.id}
    return [
        msgspec.structs.replace(message, name=names[message.tool_call_id])
        if message.role == "tool" and not message.name and message.tool_call_id in names
        else message
        for message in messages
    ]


def split_calls(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """One call a message, each with its result behind it: some models know no parallel calls."""
    split: list[ChatMessage] = []
    results = {m.tool_call_id: m for m in messages if m.role == "tool" and m.tool_call_id}
    placed: set[str] = set()
    for message in messages:
        if len(message.tool_calls) < 2:
            if not (message.role == "tool" and message.tool_call_id in placed):
                split.append(message)
            continue
        for index, call in enumerate(message.tool_calls):
            said = message if index == 0 else ChatMessage(role="assistant")
            split.append(msgspec.structs.replace(said, tool_calls=(call,)))
            if result := results.get(call.id):
                split.append(result)
                placed.add(call.id)
    return split


def fold_system(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """The conversation with its system texts at the head of the first user message."""
    system = "\n\n".join(m.content for m in messages if m.role == "system")
    folded = [m for m in messages if m.role != "system"]
    for index, message in enumerate(folded):
        if message.role == "user":
            content = f"{system}\n\n{message.content}"
            folded[index] = msgspec.structs.replace(message, content=content)
            return folded
    return [ChatMessage(role="user", content=system), *folded]


# For templates that know no tools


def without_tools(messages: Sequence[ChatMessage], tools: Sequence[Tool]) -> list[ChatMessage]:
    """The conversation in words: the tools in the system message, calls as the generic format
    writes them, results from the user."""
    spoken: list[ChatMessage] = []
    for message in map(_in_words, messages):
        last = spoken[-1] if spoken else None
        if last and last.role == message.role == "user":
            # Templates want user and assistant in turn.
            content = f"{last.content}\n{message.content}"
            spoken[-1] = msgspec.structs.replace(last, content=content)
        else:
            spoken.append(message)
    if not tools:
        return spoken
    system = spoken.pop(0).content if spoken and spoken[0].role == "system" else ""
    content = f"{system}\n\n{_instructions(tools)}".strip()
    return [ChatMessage(role="system", content=content), *spoken]


def _in_words(message: ChatMessage) -> ChatMessage:
    if message.role == "tool":
        content = f"<tool_response>\n{message.content}\n</tool_response>"
        return ChatMessage(role="user", content=content)
    calls = [_written(call) for call in message.tool_calls]
    content = "\n".join([message.content, *calls] if message.content else calls)
    return msgspec.structs.replace(message, content=content, tool_calls=()) if calls else message


def _written(call: ToolCall) -> str:
    return GENERIC.syntax.call.replace(NAME, call.name).replace(ARGUMENTS, call.arguments)


def _instructions(tools: Sequence[Tool]) -> str:
    listed = [json.dumps(tool_values(tool)["function"], ensure_ascii=False) for tool in tools]
    example = _written(ToolCall(name=tools[0].name, arguments='{"argument": "value"}'))
    return _INSTRUCTIONS.format(tools="\n".join(listed), example=example)
