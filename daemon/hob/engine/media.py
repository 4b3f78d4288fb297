"""Images and sounds in a prompt: what they become, and what is let through to the decoders. Pure.

A medium becomes embeddings that stand where tokens would. In a sequence's tokens each of them has
a negative id made from the medium's digest, so that whatever compares tokens compares media.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from hob.engine import mediafiles
from hob.wire.chat import Media

_SIGN = -(2**63)


@dataclass(frozen=True, slots=True, eq=False)
class EncodedMedia:
    """Embeddings of a medium or of a part of one: `data` holds 32-bit floats, as many for each of
    `ids` as the model's embeddings are long. `non_causal`: each sees all of the others."""

    ids: tuple[int, ...]
    data: bytes
    non_causal: bool = False

    def __len__(self) -> int:
        return len(self.ids)


# What stands for a medium in a prompt: the model may want tokens around and between the embeddings.
Part = tuple[int, ...] | EncodedMedia


@dataclass(frozen=True, slots=True)
class MediaRun:
    """In a prompt, `encoded` stands from the token `start` on."""

    start: int
    encoded: EncodedMedia

    @property
    def length(self) -> int:
        return len(self.encoded)

    @property
    def end(self) -> int:
        return self.start + len(self.encoded)


def placeholders(digest: bytes, count: int) -> tuple[int, ...]:
    """`count` negative ids, which no other digest or count gives."""
    ids = array("q", hashlib.shake_256(b"%d;%b" % (count, digest)).digest(8 * count))
    return tuple(number | _SIGN for number in ids)


def media_digest(media: Media, projector: str) -> bytes:
    """What decides the embeddings of a medium; `projector` is the digest of that file."""
    return hashlib.sha256(f"{projector};{media.kind};".encode() + media.data).digest()


def find_runs(
    tokens: Sequence[int], known: Callable[[int], EncodedMedia | None]
) -> tuple[MediaRun, ...]:
    """The runs in a prompt; `known` finds the embeddings by their first id."""
    runs = []
    at = 0
    while at < len(tokens):
        encoded = known(tokens[at]) if tokens[at] < 0 else None
        if encoded:
            runs.append(MediaRun(at, encoded))
        at += len(encoded) if encoded else 1
    return tuple(runs)


def whole_runs(length: int, runs: Iterable[MediaRun]) -> int:
    """`length`, or where the run begins that it would cut in two."""
    return next((run.start for run in runs if run.start < length < run.end), length)


def check_media(media: Media) -> None:
    """Raises InvalidRequest for a file that no decoder should see."""
    if media.kind == "image":
        mediafiles.check_image(media.data)
    else:
        mediafiles.check_audio(media.data)
