"""Images and sounds inside a message: out of base64, and bounded. Pure."""

from __future__ import annotations

import binascii

from hob.errors import InvalidRequest, UnsupportedParameter
from hob.wire.chat import Media, MediaKind
from hob.wire.openai.messages import ImageUrl, InputAudio

MAX_MEDIA = 32
MAX_MEDIA_BYTES = 20 * 2**20


class MediaReader:
    """Reads the media of one request; the bounds are on all of them together."""

    def __init__(self) -> None:
        self._count = 0
        self._bytes = 0

    def image(self, given: ImageUrl | str | None, at: int, where: str) -> Media:
        """Raises InvalidRequest, or UnsupportedParameter for an address."""
        url = given.url if isinstance(given, ImageUrl) else given
        where = f"{where}.image_url"
        if url is None:
            raise InvalidRequest("An image part has no image.", param=where)
        head, comma, data = url.partition(",")
        if not head[:5].lower() == "data:":
            raise UnsupportedParameter(
                "An image is given by its address, and Hob fetches nothing.",
                hint="Send the image itself: data:image/png;base64,...",
                param=where,
            )
        kind, *options = head[5:].lower().split(";")
        if not comma or not kind.startswith("image/") or "base64" not in options:
            raise InvalidRequest(
                "An image's URL does not hold an image in base64.",
                hint="Write it as data:image/png;base64,...",
                param=where,
            )
        return self._media("image", data, at, where)

    def audio(self, given: InputAudio | None, at: int, where: str) -> Media:
        """Raises InvalidRequest."""
        where = f"{where}.input_audio"
        if given is None:
            raise InvalidRequest("An audio part has no audio.", param=where)
        return self._media("audio", given.data, at, where)

    def _media(self, kind: MediaKind, text: str, at: int, where: str) -> Media:
        self._count += 1
        # Three bytes for four characters: what is too large is not decoded.
        self._bytes += len(text) * 3 // 4
        if self._count > MAX_MEDIA or self._bytes > MAX_MEDIA_BYTES:
            raise InvalidRequest(
                f"The images and sounds of a request may be at most {MAX_MEDIA}, "
                f"and {MAX_MEDIA_BYTES} bytes in all.",
                hint="Send fewer or smaller ones.",
                param=where,
            )
        try:
            data = binascii.a2b_base64(text, strict_mode=True)
        except ValueError as error:
            raise InvalidRequest("It is not valid base64.", param=where) from error
        if not data:
            raise InvalidRequest("It is empty.", param=where)
        return Media(kind=kind, data=data, at=at)
