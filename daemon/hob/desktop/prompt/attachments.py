"""What a question is about: texts and images, within bounds. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass

from hob.errors import ClipboardSecret, InvalidRequest
from hob.wire.chat import Media
from hob.wire.desktop import Clip

MAX_ATTACHMENTS = 8
# Far more than any model reads at once, and little enough to show, to hold and to send.
MAX_TEXT_BYTES = 4 * 2**20
# What the daemon takes of images, all together.
MAX_IMAGE_BYTES = 15 * 2**20

_IMAGE_HEADS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"BM")
_DATA_URL = "data:image/"


@dataclass(frozen=True)
class Attachment:
    """A text or an image. `named` puts the name before the text, so that the model knows it."""

    name: str
    text: str = ""
    image: bytes = b""
    named: bool = False

    @property
    def content(self) -> str:
        return f"{self.name}:\n\n{self.text}" if self.named else self.text

    @property
    def size(self) -> int:
        """In bytes for an image, in characters for a text."""
        return len(self.image) or len(self.text)

    @property
    def label(self) -> str:
        return f"{self.name}, {readable_size(self)}"


def readable_size(attachment: Attachment) -> str:
    """How much it is, in few characters."""
    if attachment.image:
        return f"{max(1, len(attachment.image) // 1000):,} KB"
    words = len(attachment.text.split())
    return "1 word" if words == 1 else f"{words:,} words"


def add(held: Sequence[Attachment], new: Attachment) -> tuple[Attachment, ...]:
    """All of them. The same thing is attached once. Raises InvalidRequest for too many."""
    if new in held:
        return tuple(held)
    if len(held) >= MAX_ATTACHMENTS:
        raise InvalidRequest(
            f"There are {MAX_ATTACHMENTS} attachments already, which is as many as a question has.",
            hint="Remove one first.",
        )
    images = sum(len(each.image) for each in (*held, new))
    texts = sum(len(each.text) for each in (*held, new))
    if images > MAX_IMAGE_BYTES:
        raise _too_large("The images together are", MAX_IMAGE_BYTES)
    if texts > MAX_TEXT_BYTES:
        raise _too_large("The texts together are", MAX_TEXT_BYTES)
    return (*held, new)


def from_text(name: str, text: str, *, named: bool = False) -> Attachment:
    """Raises InvalidRequest for a text without anything in it, or too large."""
    if not text.strip():
        raise InvalidRequest(
            f"{name} holds no text, so there is nothing to attach.", hint="Copy something first."
        )
    if len(text) > MAX_TEXT_BYTES:
        raise _too_large(f"{name} is", MAX_TEXT_BYTES)
    return Attachment(name, text=text.replace("\0", ""), named=named)


def from_image(name: str, data: bytes) -> Attachment:
    """Raises InvalidRequest for what is no image that models are given, or too large."""
    if not is_image(data):
        raise InvalidRequest(
            f"{name} is not an image of a kind that can be sent.",
            hint="Save it as PNG or JPEG, and attach that.",
        )
    if len(data) > MAX_IMAGE_BYTES:
        raise _too_large(f"{name} is", MAX_IMAGE_BYTES)
    return Attachment(name, image=data)


def from_clip(name: str, clip: Clip) -> Attachment:
    """What the clipboard or the selection holds; its text goes before its image.

    Raises ClipboardSecret and InvalidRequest.
    """
    if clip.secret:
        raise ClipboardSecret(
            f"{name} holds a secret, as the program that put it there says, so it is not read.",
            hint="Copy something else.",
        )
    if clip.text.strip() or not clip.image:
        return from_text(name, clip.text)
    head, _, data = clip.image.partition(",")
    try:
        if not head.startswith(_DATA_URL) or not head.endswith(";base64"):
            raise ValueError(head)
        image = binascii.a2b_base64(data, strict_mode=True)
    except ValueError as error:
        raise InvalidRequest(
            f"{name} holds an image that cannot be read.", hint="Copy it again."
        ) from error
    return from_image(name, image)


def from_file(name: str, data: bytes) -> Attachment:
    """A file's bytes, as the image or the text that they are. Raises InvalidRequest."""
    if is_image(data):
        return from_image(name, data)
    if len(data) > MAX_TEXT_BYTES:
        raise _too_large(f"{name} is", MAX_TEXT_BYTES)
    encoding = "utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise _no_text(name) from error
    if "\0" in text:
        raise _no_text(name)
    return from_text(name, text, named=True)


def is_image(data: bytes) -> bool:
    """Whether a file begins as those images do that models can be given."""
    return data.startswith(_IMAGE_HEADS)


def content_of(attachments: Sequence[Attachment], question: str) -> str:
    """The user's message: the attached texts first, so that they can be read ahead, then the
    question. While there is no question yet, its beginning."""
    texts = [each.content for each in attachments if each.text]
    return "\n\n".join([*texts, question])


def media_of(attachments: Sequence[Attachment]) -> tuple[Media, ...]:
    return tuple(Media(kind="image", data=each.image) for each in attachments if each.image)


def data_url(attachment: Attachment) -> str:
    """An image as a data URL, as actions take it; empty for a text."""
    if not attachment.image:
        return ""
    return f"data:image/png;base64,{base64.b64encode(attachment.image).decode()}"


def check_sees(attachments: Sequence[Attachment], model: str, *, sees: bool) -> None:
    """Raises InvalidRequest for an image and a model that has no eyes."""
    if not sees and any(each.image for each in attachments):
        raise InvalidRequest(
            f"The model {model or 'that is kept warm'} cannot see images.",
            hint="Choose a model with vision (Ctrl+M), or remove the image.",
        )


def _too_large(what: str, most: int) -> InvalidRequest:
    return InvalidRequest(
        f"{what} larger than {most // 2**20} MiB, more than a question may bring.",
        hint="Attach the part that matters.",
    )


def _no_text(name: str) -> InvalidRequest:
    return InvalidRequest(
        f"{name} is neither text nor an image that can be sent.",
        hint="Attach a text file, a PNG or a JPEG; of a PDF, copy the text.",
    )
