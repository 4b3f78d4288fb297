"""A bounded reader of GGUF headers: what a model file says of itself, without loading it.

Layout: magic, version, counts; then metadata as key, type, value; then one entry a tensor (name,
shape, type, offset); then, aligned, the tensors' data. Every number in the file is a stranger's:
each read is checked against the file's size, and each count against a limit, before it is used.

Long lists are stepped over and never built: a vocabulary of 262,144 strings costs one pass over
their lengths.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from hob.errors import BadModelFile
from hob.models.gguf import fill
from hob.models.gguf.cursor import NO_MARKS, Cursor, Marks, cut_short, damaged
from hob.models.gguf.known import KnownLists
from hob.models.gguf.preamble import Preamble, read_preamble
from hob.models.gguf.tensors import MAX_BLOCKS, Group, Layout, Weights, padded, read_tensors, shown
from hob.models.gguf.types import SCALAR_FORMATS, ValueType

# Far above any real model; they bound the time and memory that a hostile header can cost, as do
# the limits of the cursor.
MAX_KEYS = 4_096
MAX_KEY_BYTES = 512
MAX_TENSORS = 65_536
MAX_STRING_BYTES = 16 * 2**20
DEFAULT_ALIGNMENT = 32

KEPT_STRING_BYTES = 512
TEMPLATE_KEY = "tokenizer.chat_template"
# The longest known are a tenth of it.
TEMPLATE_BYTES = 512 * 1024
TOKENS_KEY = "tokenizer.ggml.tokens"

# The lists that tell layers apart, by their keys behind the architecture.
_LAYER_LISTS = frozenset(
    {
        "attention.head_count",
        "attention.head_count_kv",
        "attention.key_length",
        "attention.recurrent_layers",
        "attention.sliding_window_pattern",
        "attention.value_length",
        "expert_feed_forward_length",
        "expert_used_count",
        "feed_forward_length",
    }
)
_WHOLE = SCALAR_FORMATS.keys() - {ValueType.FLOAT32, ValueType.FLOAT64}
_SCALARS = {
    order: {kind: struct.Struct(order + code) for kind, code in SCALAR_FORMATS.items()}
    for order in "<>"
}


class Array(NamedTuple):
    """A list: the type of its elements and how many there are. `numbers` are kept of a model's own
    list of whole numbers with one for each block; `found` are the strings that were looked for and
    are in it."""

    kind: int
    length: int
    numbers: tuple[int, ...] = ()
    found: frozenset[bytes] = frozenset()


class Entry(NamedTuple):
    """A metadata value with its type number; strings are cut to KEPT_STRING_BYTES, and the chat
    template to TEMPLATE_BYTES."""

    kind: int
    value: bool | int | float | str | Array


@dataclass(frozen=True)
class Header:
    """`parameters` counts the tensors' elements, `groups` tells of them by type, and
    `weights` by where llama.cpp puts them. `data_end` is the size that the file must have at
    least, in bytes. `fingerprint` stands for the header and
    the file's size: 16 hex digits, the same for every copy of the file. `problem`: it can be read,
    and llama.cpp would not load it, whatever it says."""

    version: int
    metadata: Mapping[str, Entry]
    tensor_count: int
    parameters: int
    groups: tuple[Group, ...]
    data_end: int
    fingerprint: str
    weights: Weights
    problem: BadModelFile | None = None

    @property
    def weight_bytes(self) -> int:
        """What the tensors' data takes, without the padding between."""
        return sum(group.size for group in self.groups)

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
        """The list at `key`, or None."""
        entry = self.metadata.get(key)
        return entry.value if entry is not None and isinstance(entry.value, Array) else None

    def numbers(self, key: str) -> tuple[int, ...]:
        """The list at `key` with one number for each block of the model, or an empty one."""
        array = self.array(key)
        return array.numbers if array else ()


def read_header(fd: int, file_bytes: int, known: KnownLists | None = None) -> Header:
    """The header of the regular file `fd`, which is `file_bytes` long.

    `known` are the lists of files that were read before. Raises BadModelFile with a plain reason,
    and OSError when the file cannot be read.
    """
    cursor = Cursor(fd, file_bytes, known)
    preamble = read_preamble(cursor)
    try:
        return _read_rest(cursor, file_bytes, preamble)
    except BadModelFile:
        if preamble.problem is not None:
            raise preamble.problem from None
        raise


def _read_rest(cursor: Cursor, file_bytes: int, preamble: Preamble) -> Header:
    tensor_count = cursor.count()
    key_count = cursor.count()
    if tensor_count > MAX_TENSORS:
        raise damaged(f"it claims to have {tensor_count:,} tensors")
    if key_count > MAX_KEYS:
        raise damaged(f"it claims to have {key_count:,} metadata keys")
    metadata: dict[str, Entry] = {}
    for _ in range(key_count):
        key = read_key(cursor)
        if key in metadata:
            raise damaged(f"the metadata key {shown(key.encode())} comes twice")
        # Only the model's own lists are kept, so that a hostile header cannot have many of them.
        prefix, _, name = key.partition(".")
        keep = name in _LAYER_LISTS and _is_text(metadata.get("general.architecture"), prefix)
        metadata[key] = _read_value(cursor, key, keep=keep)
    layout = read_tensors(cursor, tensor_count, _alignment(metadata))
    data_end = _data_start(cursor, layout) + layout.data_bytes
    if data_end > file_bytes:
        raise cut_short(data_end, file_bytes)
    return Header(
        version=preamble.version,
        metadata=metadata,
        tensor_count=tensor_count,
        parameters=sum(group.elements for group in layout.groups),
        groups=layout.groups,
        data_end=data_end,
        fingerprint=cursor.fingerprint(),
        weights=layout.weights,
        problem=preamble.problem,
    )


def _data_start(cursor: Cursor, layout: Layout) -> int:
    return padded(cursor.at, layout.alignment) if layout.groups else cursor.at


def read_key(cursor: Cursor) -> str:
    length = cursor.count()
    if not 0 < length <= MAX_KEY_BYTES:
        raise damaged(f"a metadata key is {length:,} bytes long")
    return cursor.take(length).decode("utf-8", "replace")


def _is_text(entry: Entry | None, text: str) -> bool:
    return entry is not None and entry.value == text


def _read_value(cursor: Cursor, key: str, *, keep: bool) -> Entry:
    kind = cursor.u32()
    if scalar := _SCALARS[cursor.order].get(kind):
        return Entry(kind, cursor.unpack(scalar))
    if kind == ValueType.STRING:
        kept = TEMPLATE_BYTES if key == TEMPLATE_KEY else KEPT_STRING_BYTES
        return Entry(kind, read_string(cursor, kept))
    if kind == ValueType.ARRAY:
        return Entry(
            kind, _read_array(cursor, fill.MARKS if key == TOKENS_KEY else NO_MARKS, keep=keep)
        )
    raise damaged(f"a metadata value has the type {kind}, which GGUF does not have")


def read_string(cursor: Cursor, kept: int) -> str:
    """The next string, of which only the first `kept` bytes are read."""
    length = cursor.count()
    if length > MAX_STRING_BYTES:
        raise damaged(f"a metadata text is {length:,} bytes long")
    kept = min(length, kept)
    text = cursor.take(kept).decode("utf-8", "replace")
    cursor.skip(length - kept)
    return text


def _read_array(cursor: Cursor, marks: Marks, *, keep: bool) -> Array:
    kind = cursor.u32()
    count = cursor.count()
    if kind == ValueType.STRING:
        return Array(kind, count, found=cursor.skip_strings(count, marks))
    if scalar := _SCALARS[cursor.order].get(kind):
        if keep and count <= MAX_BLOCKS and kind in _WHOLE:
            data = cursor.take(count * scalar.size)
            return Array(kind, count, tuple(int(value) for (value,) in scalar.iter_unpack(data)))
        cursor.skip_list(count, scalar.size)
        return Array(kind, count)
    if kind == ValueType.ARRAY:
        # The format allows them, no model has them, and llama.cpp does not load them.
        raise damaged("its metadata nests lists in lists")
    raise damaged(f"a metadata list has the type {kind}, which GGUF does not have")


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
