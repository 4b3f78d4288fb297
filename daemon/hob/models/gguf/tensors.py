"""The table of tensors: their names, shapes and types, and where their data lies."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from hob.errors import BadModelFile
from hob.models.gguf.cursor import Cursor, damaged
from hob.models.gguf.types import REMOVED_TENSOR_TYPES, TENSOR_TYPES, TensorType

# llama.cpp's own limits.
MAX_NAME_BYTES = 63
MAX_DIMENSIONS = 4
MAX_BLOCKS = 512
# The tensors that llama.cpp never gives to a GPU.
_INPUTS = frozenset(
    {b"per_layer_token_embd", b"position_embd", b"token_embd", b"token_embd_norm", b"token_types"}
)

_INT64_MAX = 2**63 - 1
# Length and name, dimensions, shape, type, offset.
_MOST_BYTES = 8 + MAX_NAME_BYTES + 4 + 8 * MAX_DIMENSIONS + 4 + 8


@dataclass
class Group:
    """All tensors of one type; `size` is what their data takes, in bytes."""

    form: TensorType
    count: int = 0
    elements: int = 0
    size: int = 0


@dataclass(frozen=True)
class Weights:
    """Bytes of the numbered blocks, of what turns tokens into numbers, and of what turns numbers
    into tokens; `tied` when that is the same."""

    blocks: tuple[int, ...] = ()
    input: int = 0
    output: int = 0
    tied: bool = True


@dataclass
class Layout:
    """Where the tensors' data lies so far: each begins where the one before it ends, padded.

    `data_bytes` is the end of the last one's data, counted from the begin of the first's;
    `next_offset` is where the next one must begin.
    """

    alignment: int
    data_bytes: int = 0
    next_offset: int = 0
    names: set[bytes] = field(default_factory=set)
    groups: dict[int, Group] = field(default_factory=dict)
    _blocks: list[int] = field(default_factory=list)
    _input: int = 0
    _output: int = 0

    def add(self, name: bytes, shape: Sequence[int], kind: int, offset: int) -> None:
        """Raises BadModelFile for a tensor that cannot be where it says."""
        if name in self.names:
            raise damaged(f"two tensors have the name {shown(name)}")
        self.names.add(name)
        group = self.groups.get(kind) or self._begin(kind)
        form = group.form
        elements = math.prod(shape)
        # A shape with a 0 in it has no elements, however large the rest of it is.
        if elements > _INT64_MAX or (not elements and max(shape) > _INT64_MAX):
            raise damaged(f"tensor {shown(name)} would not fit on any disk")
        if shape and shape[0] % form.block:
            raise damaged(f"the rows of tensor {shown(name)} do not fill whole blocks")
        if offset != self.next_offset:
            raise _misplaced(name, offset, self.next_offset, self.alignment)
        size = elements // form.block * form.block_bytes
        group.count += 1
        group.elements += elements
        group.size += size
        self.data_bytes = offset + size
        self.next_offset = padded(self.data_bytes, self.alignment)
        if self.next_offset > _INT64_MAX:
            raise damaged("its tensors would not fit on any disk")
        self._weigh(name, size)

    def weights(self) -> Weights:
        """What was added so far, by its use."""
        tied = b"output.weight" not in self.names
        return Weights(tuple(self._blocks), self._input, self._output, tied)

    def _weigh(self, name: bytes, size: int) -> None:
        first, _, rest = name.partition(b".")
        if first == b"blk":
            number = rest.partition(b".")[0]
            if number.isdigit() and len(number) <= 3 and (block := int(number)) < MAX_BLOCKS:
                self._blocks += [0] * (block + 1 - len(self._blocks))
                self._blocks[block] += size
                return
        if first in _INPUTS:
            self._input += size
        else:
            self._output += size

    def _begin(self, kind: int) -> Group:
        form = TENSOR_TYPES.get(kind)
        if form is None:
            raise _unknown_type(kind)
        group = self.groups[kind] = Group(form)
        return group


def read_tensors(cursor: Cursor, count: int, alignment: int) -> Layout:
    """Read and check `count` entries. Raises BadModelFile."""
    layout = Layout(alignment)
    entries = _Entries(cursor)
    while count:
        window, begin = cursor.ahead(_MOST_BYTES)
        at, last = begin, len(window) - _MOST_BYTES
        try:
            # A window that reaches to the end of the file may hold less than the longest entry.
            while count and (at <= last or at == begin):
                at = entries.read(window, at, layout)
                count -= 1
        except struct.error:
            cursor.skip(at - begin)
            cursor.take(_MOST_BYTES)  # raises: the file ends in this entry
            raise
        cursor.skip(at - begin)
    return layout


class _Entries:
    """Reads entries of the table as `cursor` says that numbers are written."""

    def __init__(self, cursor: Cursor) -> None:
        self._length = cursor.length
        self._u32 = struct.Struct(cursor.order + "I")
        wide = cursor.length.format[-1:]
        # Shape, type and offset, by the number of dimensions.
        self._rests = tuple(
            struct.Struct(f"{cursor.order}{wide * count}IQ") for count in range(MAX_DIMENSIONS + 1)
        )

    def read(self, window: bytes, at: int, layout: Layout) -> int:
        """Add the entry at `at` to `layout`; where the next one is. Raises struct.error when the
        window ends before it does."""
        length: int = self._length.unpack_from(window, at)[0]
        if length > MAX_NAME_BYTES:
            raise damaged(f"a tensor's name is {length:,} bytes long")
        at += self._length.size
        name = window[at : at + length]
        at += length
        dimensions: int = self._u32.unpack_from(window, at)[0]
        if dimensions > MAX_DIMENSIONS:
            raise damaged(f"tensor {shown(name)} has {dimensions} dimensions")
        at += 4
        rest = self._rests[dimensions]
        *shape, kind, offset = rest.unpack_from(window, at)
        layout.add(name, shape, kind, offset)
        return at + rest.size


def padded(size: int, alignment: int) -> int:
    return -(-size // alignment) * alignment


def shown(name: bytes) -> str:
    """A name from the file as it may be shown: short, and without control characters."""
    text = name[:64].decode("utf-8", "replace")
    return "'" + "".join(c if c.isprintable() else "?" for c in text) + "'"


def _misplaced(name: bytes, offset: int, expected: int, alignment: int) -> BadModelFile:
    if offset > _INT64_MAX:
        return damaged(f"tensor {shown(name)} would not fit on any disk")
    if offset % alignment:
        return damaged(f"tensor {shown(name)} is not aligned")
    if offset < expected:
        return damaged(f"tensor {shown(name)} overlaps the one before it")
    return damaged(f"there is a gap before tensor {shown(name)}")


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
