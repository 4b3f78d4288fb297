"""Text that a person or a document brings is text: where it holds the text of a control token such
as `<|im_end|>`, that text is tokenized letter by letter, and cannot end a message."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from hob.engine.vocabulary import Tokenizer
from hob.errors import InvalidRequest, TemplateFailed
from hob.wire.chat import ChatMessage, Tool, ToolCall
from hob.wire.generate import GenerateRequest

_MAX_DEPTH = 100


class Marks:
    """Replaces the text of control tokens by marks that no one can guess, for the time that the
    template handles the text. Texts without it are left as they are, so that they are tokenized
    exactly as the model was trained. One use per rendering."""

    def __init__(self, vocab: Tokenizer) -> None:
        self._vocab = vocab
        self._nonce = secrets.token_hex(12)
        self._texts: list[str] = []

    def request(self, request: GenerateRequest) -> GenerateRequest:
        """The request with marks in everything that its template may write into the prompt.

        Raises InvalidRequest when tools or template values are nested too deep.
        """
        # One look at all texts, since hardly any request holds such text. No control token has a
        # zero byte in it, so none can come about between two texts.
        if not self._found("\0".join(_texts(request))):
            return request
        return replace(
            request,
            messages=tuple(map(self._message, request.messages)),
            tools=tuple(map(self._tool, request.tools)),
            template_values={
                name: self._value(value) for name, value in request.template_values.items()
            },
        )

    def _message(self, message: ChatMessage) -> ChatMessage:
        # Media stand at places in the text, and the marks move them.
        starts = [0, *sorted(max(0, media.at) for media in message.media)]
        parts = [
            self.mark(message.content[start:end])
            for start, end in zip(starts, [*starts[1:], len(message.content)], strict=True)
        ]
        places = {at: len("".join(parts[:count])) for count, at in enumerate(starts)}
        return replace(
            message,
            content="".join(parts),
            reasoning=self.mark(message.reasoning),
            tool_calls=tuple(map(self._call, message.tool_calls)),
            tool_call_id=self.mark(message.tool_call_id),
            name=self.mark(message.name),
            media=tuple(replace(media, at=places[max(0, media.at)]) for media in message.media),
        )

    def _call(self, call: ToolCall) -> ToolCall:
        return ToolCall(
            name=self.mark(call.name), arguments=self.mark(call.arguments), id=self.mark(call.id)
        )

    def _tool(self, tool: Tool) -> Tool:
        return Tool(
            name=self.mark(tool.name),
            description=self.mark(tool.description),
            parameters=self._value(tool.parameters),
        )

    def _value(self, value: Any) -> Any:  # noqa: ANN401 - JSON
        match value:
            case str():
                return self.mark(value)
            case dict():
                return {self._value(key): self._value(item) for key, item in value.items()}
            case list() | tuple():
                return [self._value(item) for item in value]
        return value

    def _found(self, text: str) -> list[str]:
        """The texts of control tokens that the tokenizer would see in `text`."""
        tokens = self._vocab.tokenize(text, add_special=False, parse_special=True)
        texts = [self._vocab.text(token) for token in self._vocab.control_tokens(tokens)]
        return [found for found in texts if found and found in text]

    def mark(self, text: str) -> str:
        found = self._found(text) if text else []
        if not found:
            return text
        parts = re.split("(" + "|".join(map(re.escape, found)) + ")", text)
        # Every second part is a control token's text; what lies between may still hold others,
        # which the tokenizer did not see because they overlap.
        return "".join(
            self._mark_for(part) if index % 2 else self.mark(part)
            for index, part in enumerate(parts)
        )

    def _mark_for(self, text: str) -> str:
        self._texts.append(text)
        return f"{self._nonce}n{len(self._texts) - 1}x"

    def split(self, rendered: str) -> list[tuple[str, bool]]:
        """The prompt in pieces: (text, True when its special text is only text).

        Raises TemplateFailed when the template has changed a mark.
        """
        if not self._texts:
            return [(rendered, False)]
        parts = re.split(f"{self._nonce}n([0-9]+)x", rendered)
        pieces = [
            (self._texts[int(part)], True) if index % 2 else (part, False)
            for index, part in enumerate(parts)
            if part
        ]
        if any(self._nonce[:8] in text.lower() for text, literal in pieces if not literal):
            raise TemplateFailed(
                "The model's chat template changes the messages, so their special text cannot be "
                "kept apart from its own.",
                hint="Leave the text of control tokens out of the message.",
            )
        return pieces


def message_texts(message: ChatMessage) -> Iterator[str]:
    """Everything in a message that may come into the prompt."""
    yield from (message.content, message.reasoning, message.tool_call_id, message.name)
    for call in message.tool_calls:
        yield from (call.name, call.arguments, call.id)


def _texts(request: GenerateRequest) -> Iterator[str]:
    for message in request.messages:
        yield from message_texts(message)
    yield from _strings([request.template_values])
    for tool in request.tools:
        yield from (tool.name, tool.description)
        yield from _strings(tool.parameters)


def _strings(value: object, depth: int = 0) -> Iterator[str]:
    if depth > _MAX_DEPTH:
        raise InvalidRequest(
            f"The tools or template values are nested more than {_MAX_DEPTH} levels deep.",
            hint="Send a flatter schema.",
        )
    match value:
        case str():
            yield value
        case dict():
            for key, item in value.items():
                yield from _strings(key, depth + 1)
                yield from _strings(item, depth + 1)
        case list() | tuple():
            for item in value:
                yield from _strings(item, depth + 1)
