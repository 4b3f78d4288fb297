"""A bounded reader of GGUF headers: what a model file says of itself, without loading it.

Layout: magic, version, counts; then metadata as key, type, value; then one entry a tensor (name,
shape, type, offset); then, aligned, the tensors' data. Every number in the file is a stranger's:
each read is checked against the file's size, and each count against a limit, before it is used.

Arrays are stepped over and never built: a vocabulary of 262,144 strings costs one pass over their
lengths.
"""

from __future__ import annotations

import math
import struct
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from hob.errors import BadModelFile
from hob.models.gguf.cursor import ORDER, Cursor, cut_short, damaged
from hob.models.gguf.types import (
    REMOVED_TENSOR_TYPES,
    SCALAR_FORMATS,
    TENSOR_TYPES,
    ValueType,
)

MAGIC = b"GGUF"
VERSIONS = (2, 3)

# Far above any real model; they bound the time and memory that a hostile header can cost, as do
# the limits of the cursor.
MAX_KEYS = 8_192
MAX_KEY_BYTES = 1_024
MAX_TENSORS = 65_536
MAX_STRING_BYTES = 16 * 2**20

# llama.cpp's own limits.
MAX_TENSOR_NAME_BYTES = 63
MAX_DIMENSIONS = 4
DEFAULT_ALIGNMENT = 32

KEPT_STRING_BYTES = 512
_INT64_MAX = 2**63 - 1
_SCALARS = {kind: struct.Struct(ORDER + code) for kind, code in SCALAR_FORMATS.items()}


class Array(NamedTuple):
    """An array that was stepped over: the type of its elements and how many there are."""

    kind: int
    length: int


class Entry(NamedTuple):
    """A metadata value with its type number; strings are cut to KEPT_STRING_BYTES."""

    kind: int
    value: bool | int | float | str | Array


@dataclass(frozen=True)
class Header:
    """`parameters` counts the tensors' elements, `bytes_by_type` their data by tensor type.
    `data_end` is the size that the file must have at least, in bytes. `fingerprint` stands for the
    header and the file's size: 16 hex digits, the same for every copy of the file."""

    version: int
    metadata: Mapping[str, Entry]
    tensor_count: int
    parameters: int
    bytes_by_type: Mapping[str, int]
    data_end: int
    fingerprint: str

    def text(self, key: str) -> str:
        """The string at `key`, or an empty one."""
        entry = self.metadata.get(key)
        return entry.value if entry is not None and isinstance(entry.value, str) else ""

    def integer(self, key: str) -> int | None:
        """The integer at `key`, or None."""
        entry = self.metadata.get(key)
        if entry is None or isinstance(entry.value, bool) or not isinstance(entry.value, int):
            return None
        return entry.value

    def flag(self, key: str) -> bool:
        entry = self.metadata.get(key)
        return entry is not None and entry.value is True

    def number(self, key: str) -> float | None:
        """The number at `key`, whole or not, or None."""
        entry = self.metadata.get(key)
        if entry is None or isinstance(entry.value, bool | str | Array):
            return None
        return entry.value

    def array(self, key: str) -> Array | None:
        """The shape of the array at `key`, or None."""
        entry = self.metadata.get(key)
        return entry.value if entry is not None and isinstance(entry.value, Array) else None


def read_header(fd: int, file_bytes: int) -> Header:
    """The header of the regular file `fd`, which is `file_bytes` long.

    Raises BadModelFile with a plain reason, and OSError when the file cannot be read.
    """
    cursor = Cursor(fd, file_bytes)
    version = _read_version(cursor)
    tensor_count = cursor.u64()
    key_count = cursor.u64()
    if tensor_count > MAX_TENSORS:
        raise damaged(f"it claims to have {tensor_count:,} tensors")
    if key_count > MAX_KEYS:
        raise damaged(f"it claims to have {key_count:,} metadata keys")
    metadata: dict[str, Entry] = {}
    for _ in range(key_count):
        key = _read_key(cursor, metadata)
        metadata[key] = _read_value(cursor)
    layout = _Layout(_alignment(metadata))
    for _ in range(tensor_count):
        _read_tensor(cursor, layout)
    data_start = _padded(cursor.at, layout.alignment) if tensor_count else cursor.at
    data_end = data_start + layout.data_bytes
    if data_end > file_bytes:
        raise cut_short(data_end, file_bytes)
    return Header(
        version=version,
        metadata=metadata,
        tensor_count=tensor_count,
        parameters=layout.elements,
        bytes_by_type=layout.bytes_by_type,
        data_end=data_end,
        fingerprint=cursor.fingerprint(),
    )


@dataclass
class _Layout:
    """Where the tensors' data lies so far: each begins where the one before it ends, padded."""

    alignment: int
    next_offset: int = 0
    data_bytes: int = 0
    elements: int = 0
    names: set[bytes] = field(default_factory=set)
    bytes_by_type: dict[str, int] = field(default_factory=dict)

    def add(self, name: bytes, offset: int, kind: str, elements: int, size: int) -> None:
        if name in self.names:
            raise damaged(f"two tensors have the name {_shown(name)}")
        if offset % self.alignment:
            raise damaged(f"tensor {_shown(name)} is not aligned")
        if offset < self.next_offset:
            raise damaged(f"tensor {_shown(name)} overlaps the one before it")
        if offset > self.next_offset:
            raise damaged(f"there is a gap before tensor {_shown(name)}")
        self.names.add(name)
        self.data_bytes = offset + size
        self.next_offset = _padded(self.data_bytes, self.alignment)
        self.elements += elements
        self.bytes_by_type[kind] = self.bytes_by_type.get(kind, 0) + size
        if self.next_offset > _INT64_MAX:
            raise damaged("its tensors would not fit on any disk")


def _read_version(cursor: Cursor) -> int:
    """The version, once magic, byte order and version are ones that llama.cpp loads."""
    magic = cursor.take(4)
    if magic != MAGIC:
        raise _not_gguf(magic)
    version = cursor.u32()
    if version and version & 0xFFFF == 0:
        other = "big-endian" if sys.byteorder == "little" else "little-endian"
        raise BadModelFile(
            f"The model was made for {other} machines and cannot be loaded on this one.",
            hint=f"Get the {sys.byteorder}-endian file of this model; most files are.",
        )
    if version == 1:
        raise BadModelFile(
            "The file is GGUF version 1, which llama.cpp no longer loads.",
            hint="Get a newer file of this model, or convert it again.",
        )
    if version not in VERSIONS:
        raise BadModelFile(
            f"The file says that it is GGUF version {version}, which this Hob does not know.",
            hint="Update Hob, or fetch the file again.",
        )
    return version


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


def _read_key(cursor: Cursor, seen: Mapping[str, Entry]) -> str:
    length = cursor.u64()
    if not 0 < length <= MAX_KEY_BYTES:
        raise damaged(f"a metadata key is {length:,} bytes long")
    key = cursor.take(length).decode("utf-8", "replace")
    if key in seen:
        raise damaged(f"the metadata key {_shown(key.encode())} comes twice")
    return key


def _read_value(cursor: Cursor) -> Entry:
    kind = cursor.u32()
    if scalar := _SCALARS.get(kind):
        return Entry(kind, cursor.unpack(scalar))
    if kind == ValueType.STRING:
        return Entry(kind, _read_string(cursor))
    if kind == ValueType.ARRAY:
        return Entry(kind, _skip_array(cursor))
    raise damaged(f"a metadata value has the type {kind}, which GGUF does not have")


def _read_string(cursor: Cursor) -> str:
    length = cursor.u64()
    if length > MAX_STRING_BYTES:
        raise damaged(f"a metadata text is {length:,} bytes long")
    kept = min(length, KEPT_STRING_BYTES)
    text = cursor.take(kept).decode("utf-8", "replace")
    cursor.skip(length - kept)
    return text


def _skip_array(cursor: Cursor) -> Array:
    kind = cursor.u32()
    count = cursor.u64()
    if kind == ValueType.STRING:
        cursor.skip_strings(count)
    elif scalar := _SCALARS.get(kind):
        cursor.skip(count * scalar.size)
    elif kind == ValueType.ARRAY:
        # The format allows them, no model has them, and llama.cpp does not load them.
        raise damaged("its metadata nests lists in lists")
    else:
        raise damaged(f"a metadata list has the type {kind}, which GGUF does not have")
    return Array(kind, count)


def _alignment(metadata: Mapping[str, Entry]) -> int:
    entry = metadata.get("general.alignment")
    if entry is None:
        return DEFAULT_ALIGNMENT
    value = entry.value
    if entry.kind != ValueType.UINT32 or not isinstance(value, int):
        raise damaged("its alignment is not a 32-bit number")
    if value == 0 or value & (value - 1):
        raise damaged(f"its alignment is {value}, which is not a power of two")
    return value


def _read_tensor(cursor: Cursor, layout: _Layout) -> None:
    length = cursor.u64()
    if length > MAX_TENSOR_NAME_BYTES:
        raise damaged(f"a tensor's name is {length:,} bytes long")
    name = cursor.take(length)
    dimensions = cursor.u32()
    if dimensions > MAX_DIMENSIONS:
        raise damaged(f"tensor {_shown(name)} has {dimensions} dimensions")
    shape = [cursor.u64() for _ in range(dimensions)]
    kind = cursor.u32()
    offset = cursor.u64()
    elements = math.prod(shape)
    if max(elements, offset, *shape) > _INT64_MAX:
        raise damaged(f"tensor {_shown(name)} would not fit on any disk")
    form = TENSOR_TYPES.get(kind)
    if form is None:
        raise _unknown_type(kind)
    if shape and shape[0] % form.block:
        raise damaged(f"the rows of tensor {_shown(name)} do not fill whole blocks")
    layout.add(name, offset, form.name, elements, elements // form.block * form.block_bytes)


def _unknown_type(kind: int) -> BadModelFile:
    if kind in REMOVED_TENSOR_TYPES:
        return BadModelFile(
            "The model uses an old quantization that llama.cpp no longer loads.",
            hint="Get a newer file of this model, or quantize it again.",
        )
    return BadModelFile(
        f"The model uses a tensor type that this Hob does not know (number {kind}).",
        hint="Update Hob, or get the model in another quantization.",
    )


def _padded(size: int, alignment: int) -> int:
    return -(-size // alignment) * alignment


def _shown(name: bytes) -> str:
    """A name from the file as it may be shown: short, and without control characters."""
    text = name[:64].decode("utf-8", "replace")
    return "'" + "".join(c if c.isprintable() else "?" for c in text) + "'"
