"""What may come from a clipboard and go to it: bounds, cleaning and marks; no I/O here.

Whoever has the clipboard is a stranger: it may hold 100 MB, a picture that unpacks to gigabytes,
or half a character.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from typing import TYPE_CHECKING

from hob.errors import ClipboardSecret, DesktopRefused
from hob.wire.desktop import Clip
from hob.wire.plugins import MAX_TEXT_CHARS

if TYPE_CHECKING:
    from PIL import Image

MAX_TEXT_BYTES = 16 * 2**20
MAX_PIXELS = 40_000_000
_PNG_START = b"\x89PNG\r\n\x1a\n"
_URL_START = "data:image/png;base64,"
# So that the data URL is no longer than any text that is sent.
MAX_PNG_BYTES = (MAX_TEXT_CHARS - len(_URL_START)) // 4 * 3 - 3
# A picture in another format may be larger before it is packed.
MAX_IMAGE_BYTES = 64 * 2**20

# Password managers add this to what they copy (KeePassXC, Bitwarden, 1Password...). The value is
# "secret" in practice; it is not asked for, its presence is enough.
_SECRET_MARKS = ("x-kde-passwordmanagerhint",)
_TEXT_TYPES = (
    "text/plain;charset=utf-8", "text/plain;charset=UTF-8", "UTF8_STRING", "text/plain", "STRING",
)  # fmt: skip
_IMAGE_TYPES = ("image/png", "image/jpeg", "image/webp", "image/bmp", "image/tiff", "image/gif")
# What a plain text comes with; anything beside it would be lost if the text were put back alone.
_PLAIN_COMPANY = frozenset(
    (*_TEXT_TYPES, "TEXT", "COMPOUND_TEXT", "TARGETS", "MULTIPLE", "TIMESTAMP", "SAVE_TARGETS",
     "DELETE", "INCR", "LENGTH")
)  # fmt: skip


def is_secret(types: Iterable[str]) -> bool:
    """Whether a password manager has marked what is offered in these types."""
    return any(mark in each.lower() for each in types for mark in _SECRET_MARKS)


def secret_refused() -> ClipboardSecret:
    return ClipboardSecret(
        "What was copied is marked as a secret by the program it comes from, so Hob does not "
        "read it.",
        hint="Copy something else, or type the text into the prompt window.",
    )


def best_type(types: Iterable[str]) -> tuple[str, bool] | None:
    """The type to ask for and whether it is a picture; text wins, None when nothing suits."""
    offered = set(types)
    for wanted, picture in ((_TEXT_TYPES, False), (_IMAGE_TYPES, True)):
        for each in wanted:
            if each in offered:
                return each, picture
    return None


def only_text(types: Iterable[str]) -> bool:
    """Whether nothing is lost when just the text is put back."""
    offered = set(types)
    return bool(offered & set(_TEXT_TYPES)) and offered <= _PLAIN_COMPANY


def clean(text: str) -> str:
    """The text without NUL, and with U+FFFD for halves of characters."""
    return text.replace("\0", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def text_of(data: bytes, kind: str = "") -> str:
    """The text of what a clipboard holds in a type."""
    return clean(data.decode("latin-1" if kind == "STRING" else "utf-8", "replace"))


def text_clip(text: str) -> Clip:
    """A Clip of a text that came in one piece. Raises DesktopRefused when it is too long."""
    if len(text) > MAX_TEXT_CHARS:
        raise too_large(len(text.encode("utf-8", "replace")), MAX_TEXT_BYTES)
    return Clip(text=clean(text))


def too_large(size: int, limit: int) -> DesktopRefused:
    """`size` is what is known of it so far, in bytes."""
    return DesktopRefused(
        f"The clipboard holds {_megabytes(size)} or more; Hob reads {_megabytes(limit)} of it at "
        "most.",
        hint="Copy a smaller part.",
        size_bytes=size,
        limit_bytes=limit,
    )


def picture_clip(data: bytes) -> Clip:
    """A Clip of a picture in any common format. Raises DesktopRefused when it is too large or
    broken; its header is looked at before anything is unpacked."""
    from PIL import Image, UnidentifiedImageError

    if data[:8] == _PNG_START and data[12:16] == b"IHDR":
        # Pillow would refuse such a picture too, without its size.
        _check_pixels(int.from_bytes(data[16:20]), int.from_bytes(data[20:24]))
    try:
        with Image.open(io.BytesIO(data)) as image:
            _check_pixels(*image.size)
            if image.format == "PNG":
                image.verify()
                return _png_clip(data)
            return _png_clip(_packed(image))
    except (UnidentifiedImageError, Image.DecompressionBombError, ValueError, OSError) as error:
        raise _broken() from error
    except SyntaxError as error:
        # What Pillow raises for a PNG that breaks off.
        raise _broken() from error


def pixels_clip(pixels: bytes, width: int, height: int) -> Clip:
    """A Clip of RGBA pixels. Raises DesktopRefused when they are too many or too few."""
    from PIL import Image

    _check_pixels(width, height)
    if len(pixels) != width * height * 4:
        raise _broken()
    return _png_clip(_packed(Image.frombytes("RGBA", (width, height), pixels)))


def _check_pixels(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise DesktopRefused(
            f"The clipboard holds a picture of {width} by {height} pixels; Hob reads "
            f"{MAX_PIXELS // 1_000_000} million pixels at most.",
            hint="Copy a part of it, or make it smaller.",
            width=width,
            height=height,
        )


def _packed(image: Image.Image) -> bytes:
    packed = io.BytesIO()
    # Fast rather than small: it goes no further than the daemon on this machine.
    image.convert("RGBA").save(packed, "PNG", compress_level=1)
    return packed.getvalue()


def _png_clip(png: bytes) -> Clip:
    if len(png) > MAX_PNG_BYTES:
        raise too_large(len(png), MAX_PNG_BYTES)
    return Clip(image=_URL_START + base64.b64encode(png).decode())


def _broken() -> DesktopRefused:
    return DesktopRefused(
        "The clipboard holds a picture that cannot be read.",
        hint="Copy it again, or from another program.",
    )


def _megabytes(size: int) -> str:
    return f"{size / 2**20:.1f} MiB" if size < 10 * 2**20 else f"{size / 2**20:.0f} MiB"
