"""Text that a person or a document brings is text: where it holds the text of a control token such
as `<|im_end|>`, that text is tokenized letter by letter, and cannot end a message."""

from __future__ import annotations

import re
import secrets

from msgspec.structs import replace

from hob.engine.client_texts import client_texts, map_message, map_texts
from hob.engine.vocabulary import Tokenizer
from hob.errors import TemplateFailed
from hob.wire.chat import ChatMessage
from hob.wire.generate import GenerateRequest


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
