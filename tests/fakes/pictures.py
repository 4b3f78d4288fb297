"""Media without a decoder: a projector that makes noise of bytes, and small image files."""

from __future__ import annotations

import io

from PIL import Image

from hob.engine.media import EncodedMedia, Part, media_digest, placeholders
from hob.wire.chat import Media, MediaKind

BEGIN, END = 310, 311


class FakeProjector:
    """Makes `length` embeddings of every image, between two tokens."""

    kinds: tuple[MediaKind, ...] = ("image",)

    def __init__(self, length: int = 4, data_bytes: int = 16) -> None:
        self.length = length
        self.data_bytes = data_bytes
        self.encoded: list[Media] = []

    def digest(self, media: Media) -> bytes:
        return media_digest(media, "fake")

    def encode(self, media: Media, most_tokens: int, most_at_once: int) -> tuple[Part, ...]:
        self.encoded.append(media)
        ids = placeholders(self.digest(media), self.length)
        return ((BEGIN,), EncodedMedia(ids, bytes(self.data_bytes)), (END,))


def picture(color: str, size: tuple[int, int] = (40, 30), form: str = "PNG") -> bytes:
    """The file of an image of one color."""
    file = io.BytesIO()
    Image.new("RGB", size, color).save(file, form)
    return file.getvalue()


def shown(color: str, at: int = 0) -> Media:
    """That picture in a message."""
    return Media(kind="image", data=picture(color), at=at)
