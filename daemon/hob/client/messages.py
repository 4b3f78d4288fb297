"""Messages as the daemon's chat route takes them: media stand between pieces of text."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from hob.errors import UnsupportedParameter
from hob.wire.chat import ChatMessage, Media

_FORMATS = {b"\x89PNG": "png", b"\xff\xd8": "jpeg", b"GIF8": "gif", b"BM": "bmp"}


def as_sent(messages: Sequence[ChatMessage]) -> list[object]:
    """The messages themselves, but those with images as parts. Raises UnsupportedParameter for
    sounds, which nothing sends yet."""
    return [_in_parts(message) if message.media else message for message in messages]


def _in_parts(message: ChatMessage) -> dict[str, object]:
    parts: list[dict[str, object]] = []
    done = 0
    for media in sorted(message.media, key=lambda media: media.at):
        parts += _text(message.content[done : media.at])
        parts.append({"type": "image_url", "image_url": {"url": _url(media)}})
        done = media.at
    parts += _text(message.content[done:])
    return {"role": message.role, "content": parts}


def _text(text: str) -> list[dict[str, object]]:
    return [{"type": "text", "text": text}] if text else []


def _url(media: Media) -> str:
    if media.kind != "image":
        raise UnsupportedParameter("Of media, only images can be sent.", hint="Leave it out.")
    kind = next((name for head, name in _FORMATS.items() if media.data.startswith(head)), "png")
    return f"data:image/{kind};base64,{base64.b64encode(media.data).decode()}"
