"""Text that a person or a document brings is text: where it holds the text of a control token such
as `<|im_end|>`, that text is tokenized letter by letter, and cannot end a message."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence

from msgspec.structs import replace

from hob.engine.prompts.client_texts import client_texts, map_message, map_texts
from hob.engine.prompts.vocabulary import Tokenizer
from hob.errors import TemplateFailed
from hob.wire.chat import ChatMessage, Media
from hob.wire.generate import GenerateRequest

Piece = tuple[str, bool] | Media


class Marks:
    """Replaces the text of control tokens by marks that no one can guess, for the time that the
    template handles the text. Texts without it are left as they are, so that they are tokenized
    exactly as the model was trained. One use per rendering."""

    def __init__(self, vocab: Tokenizer) -> None:
        self._vocab = vocab
        self._nonce = secrets.token_hex(12)
        self._texts: list[str] = []
        self._media: list[Media] = []

    def request(self, request: GenerateRequest) -> GenerateRequest:
        """The request with marks in everything that its template may write into the prompt.

        Raises InvalidRequest when tools or template values are nested too deep.
        """
        # One look at all texts, since hardly any request holds such text. No control token has a
        # zero byte in it, so none can come about between two texts.
        if not self._found("\0".join(client_texts(request))):
            return request
        marked = map_texts(self.mark, request)
        messages = (
            self._around_media(before) if before.media else after
            for before, after in zip(request.messages, marked.messages, strict=True)
        )
        return replace(marked, messages=tuple(messages))

    def _around_media(self, message: ChatMessage) -> ChatMessage:
        """Media stand at places in the text, and the marks move them."""
        starts = [0, *sorted(max(0, media.at) for media in message.media)]
        parts = [
            self.mark(message.content[start:end])
            for start, end in zip(starts, [*starts[1:], len(message.content)], strict=True)
        ]
        places = {at: len("".join(parts[:count])) for count, at in enumerate(starts)}
        return replace(
            map_message(self.mark, message),
            content="".join(parts),
            media=tuple(replace(media, at=places[max(0, media.at)]) for media in message.media),
        )

    def media(self, messages: Sequence[ChatMessage]) -> tuple[ChatMessage, ...]:
        """The messages with a mark in the text where each medium stands, after `request`."""
        return tuple(
            self._with_marks(message) if message.media else message for message in messages
        )

    def _with_marks(self, message: ChatMessage) -> ChatMessage:
        parts, done = [], 0
        # Sorted is stable: media at one place keep their order.
        for medium in sorted(message.media, key=lambda medium: medium.at):
            at = min(max(0, medium.at), len(message.content))
            parts += [message.content[done:at], f"{self._nonce}m{len(self._media)}x"]
            self._media.append(medium)
            done = at
        return replace(message, content="".join(parts) + message.content[done:], media=())

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

    def split(self, rendered: str) -> list[Piece]:
        """The prompt in pieces: (text, True when its special text is only text), or a medium.

        Raises TemplateFailed when the template has changed a mark, or left a medium out.
        """
        if not (self._texts or self._media):
            return [(rendered, False)]
        parts = re.split(f"{self._nonce}([nm][0-9]+)x", rendered)
        pieces: list[Piece] = [
            self._marked(part) if index % 2 else (part, False)
            for index, part in enumerate(parts)
            if part
        ]
        texts = [piece for piece in pieces if not isinstance(piece, Media)]
        if any(self._nonce[:8] in text.lower() for text, literal in texts if not literal):
            raise TemplateFailed(
                "The model's chat template changes the messages, so their special text cannot be "
                "kept apart from its own.",
                hint="Leave the text of control tokens out of the message.",
            )
        if not {id(medium) for medium in self._media} <= {id(piece) for piece in pieces}:
            raise TemplateFailed(
                "The model's chat template leaves out an image or sound of the conversation.",
                hint="Send it in the last message of the user.",
            )
        return pieces

    def _marked(self, mark: str) -> Piece:
        number = int(mark[1:])
        return self._media[number] if mark[0] == "m" else (self._texts[number], True)
