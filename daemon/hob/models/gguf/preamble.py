"""The first bytes of a GGUF file: what it is, its version, and how its numbers are written."""

from __future__ import annotations

import sys
from typing import NamedTuple

from hob.errors import BadModelFile
from hob.models.gguf.cursor import ORDER, Cursor

MAGIC = b"GGUF"
LOADED_VERSIONS = (2, 3)
READ_VERSIONS = (1, *LOADED_VERSIONS)

_FOREIGN_ORDER = ">" if ORDER == "<" else "<"
_FOREIGN = "big-endian" if ORDER == "<" else "little-endian"


class Preamble(NamedTuple):
    """`problem` is why llama.cpp would not load a file that can be read all the same."""

    version: int
    problem: BadModelFile | None


def read_preamble(cursor: Cursor) -> Preamble:
    """The version, with `cursor` set to read the rest. Raises BadModelFile for what is no GGUF, or
    has a version that nobody knows."""
    magic = cursor.take(4)
    if magic != MAGIC:
        raise _not_gguf(magic)
    version = cursor.u32()
    foreign = bool(version) and version & 0xFFFF == 0
    if foreign:
        version = int.from_bytes(version.to_bytes(4, "little"), "big")
    if version not in READ_VERSIONS:
        raise BadModelFile(
            f"The file says that it is GGUF version {version}, which this Hob does not know.",
            hint="Update Hob, or fetch the file again.",
        )
    cursor.write_as(_FOREIGN_ORDER if foreign else ORDER, narrow=version == 1)
    return Preamble(version, _not_loaded(version, foreign))


def _not_loaded(version: int, foreign: bool) -> BadModelFile | None:
    if foreign:
        return BadModelFile(
            f"The model was made for {_FOREIGN} machines and cannot be loaded on this one.",
            hint=f"Get the {sys.byteorder}-endian file of this model; most files are.",
        )
    if version not in LOADED_VERSIONS:
        return BadModelFile(
            f"The file is GGUF version {version}, which llama.cpp no longer loads.",
            hint="Get a newer file of this model, or convert it again.",
        )
    return None


def _not_gguf(magic: bytes) -> BadModelFile:
    if magic.strip(b"\0") == b"":
        return BadModelFile(
            "The file is empty inside: it begins with zeros instead of a GGUF header.",
            hint="Wait for the copy or download to end, or fetch the file again.",
        )
    if magic.lstrip().startswith(b"<"):
        return BadModelFile(
            "The file is a web page, not a model.",
            hint="Use the page's download link, which names the .gguf file itself.",
        )
    return BadModelFile(
        "The file is not a GGUF file: it does not begin with the letters GGUF.",
        hint="Hob loads models in the GGUF format.",
    )
