"""How much of an unfinished text is certain whatever follows it.

Tokenizers cut text into words first, and what is typed on may become part of the last word or of
the space before it: both are left out. Pure, but for the words that one request makes of another.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from msgspec.structs import replace

from hob.wire.chat import ChatMessage
from hob.wire.generate import GenerateRequest

# A last word longer than that may be a sentence of a script that puts no spaces between words.
_LONG_WORD = 32


def certain_length(text: str) -> int:
    """How many characters of `text` are tokenized in the same way, whatever follows it: up to the
    space before its last word; in a script without spaces, up to the last punctuation."""
    words = text.rsplit(None, 1)
    certain = len(words[0]) if len(words) == 2 else 0
    end = len(text.rstrip())
    if end - certain > _LONG_WORD:
        for place in range(end - 1, certain, -1):
            if _ends_phrase(text[place - 1], text[place]):
                return place
    return certain


def _ends_phrase(before: str, after: str) -> bool:
    """Punctuation after a letter of another script than those of control tokens' texts, which
    must not be cut."""
    return not before.isascii() and before.isalpha() and unicodedata.category(after)[0] == "P"


def divergent(request: GenerateRequest) -> list[GenerateRequest]:
    """The request as if its last text went on differently from where it is uncertain: what all of
    these prompts begin with is certain."""
    if isinstance(request.prompt, str):
        return [replace(request, prompt=text) for text in _diverge(request.prompt)]
    if not request.messages:
        return []
    *earlier, last = request.messages
    return [
        replace(request, messages=(*earlier, _with_content(last, text)))
        for text in _diverge(last.content)
    ]


def _with_content(message: ChatMessage, text: str) -> ChatMessage:
    media = tuple(media for media in message.media if media.at <= len(text))
    return replace(message, content=text, media=media)


def _diverge(text: str) -> list[str]:
    if not text.strip():
        # Space may become one token with the line break before it, or not, as words follow.
        return ["~", " \n~"]
    certain = certain_length(text)
    rest = text[certain:]
    # Other space, and another sign behind it, since templates often trim a text.
    space = " " if rest[0] in ("\n", "\r") else "\n"
    sign = "+" if rest.lstrip().startswith("~") else "~"
    return [f"{text[:certain]}{space}{sign}"]


def common_prefix(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two prompts begin with alike."""
    for place, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return place
    return min(len(one), len(other))
