"""What is in the clipboard, in one line that shows no secret and runs nothing."""

from __future__ import annotations

import base64
import binascii
import struct
import unicodedata
from dataclasses import dataclass

from hob.wire.contents import content_kind
from hob.wire.desktop import Clip
from hob.wire.plugins import ContentKind

_LOOKED_AT_CHARS = 2_000
_SHOWN_CHARS = 160
# Counting the lines of more than this would be felt.
_COUNTED_CHARS = 1_000_000
_PNG_HEAD_BYTES = 24

_NAMES: dict[ContentKind, str] = {
    "text": "Text",
    "message": "Message",
    "code": "Code",
    "error": "Error",
    "link": "Link",
    "table": "Table",
    "image": "Picture",
}


@dataclass(frozen=True)
class Preview:
    """`kind` None: there is nothing to work on. `label` says what it is and how much, `line` how
    it begins."""

    kind: ContentKind | None
    label: str
    line: str = ""


def preview(clip: Clip, where: str = "clipboard") -> Preview:
    """What a person is shown of it."""
    if clip.secret:
        return Preview(
            None, "A secret", "It is marked as one, as passwords are, so Hob does not read it."
        )
    if clip.text.strip():
        kind = content_kind(clip.text)
        return Preview(kind, f"{_NAMES[kind]} · {_length(clip.text)}", one_line(clip.text))
    if clip.image:
        return Preview("image", f"Picture{_size(clip.image)}")
    return Preview(None, f"The {where} is empty", _advice(where))


def _advice(where: str) -> str:
    return "Select some text first." if where == "selection" else "Copy a text or a picture first."


def one_line(text: str) -> str:
    """How a text begins: one line, no control characters and none that turn the direction."""
    begin = " ".join(text[:_LOOKED_AT_CHARS].split())
    shown = "".join(c for c in begin if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co"))
    cut = len(shown) > _SHOWN_CHARS or len(text) > _LOOKED_AT_CHARS
    return f"{shown[:_SHOWN_CHARS]}…" if cut else shown


def _length(text: str) -> str:
    length = f"{len(text):,} characters" if len(text) != 1 else "1 character"
    if len(text) > _COUNTED_CHARS:
        return length
    lines = text.strip().count("\n") + 1
    return f"{length} · {lines:,} lines" if lines > 1 else length


def _size(data_url: str) -> str:
    """The picture's size in pixels, where it is a PNG."""
    data = data_url.partition(",")[2]
    try:
        head = base64.b64decode(data[: _PNG_HEAD_BYTES * 4 // 3], validate=True)
    except binascii.Error:
        return ""
    if not head.startswith(b"\x89PNG\r\n\x1a\n") or len(head) < _PNG_HEAD_BYTES:
        return ""
    width, height = struct.unpack(">II", head[16:24])
    return f" · {width:,} x {height:,} pixels"
