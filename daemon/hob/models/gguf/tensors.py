"""The table of tensors: their names, shapes and types, and where their data lies."""

from __future__ import annotations

import math
import struct
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from hob.errors import BadModelFile
from hob.models.gguf.cursor import Cursor, damaged
from hob.models.gguf.types import REMOVED_TENSOR_TYPES, TENSOR_TYPES, TensorType

# llama.cpp's own limits.
MAX_NAME_BYTES = 63
MAX_DIMENSIONS = 4

# llama.cpp's LLAMA_MAX_LAYERS: a list with a number for each block is no longer.
MAX_BLOCKS = 512
_BLOCK = b"blk."
# The tensors that llama.cpp never gives to a GPU.
_INPUTS = frozenset(
    {b"per_layer_token_embd", b"position_embd", b"token_embd", b"token_embd_norm", b"token_types"}
)

_INT64_MAX = 2**63 - 1
# Length and name, dimensions, shape, type, offset.
_MOST_BYTES = 8 + MAX_NAME_BYTES + 4 + 8 * MAX_DIMENSIONS + 4 + 8


class Weights(NamedTuple):
    """Bytes of the numbered blocks, of what turns tokens into numbers, and of what turns numbers
    into tokens; `tied` when that is the same."""

    blocks: tuple[int, ...] = ()
    input: int = 0
    output: int = 0
    tied: bool = True


class Group(NamedTuple):
    """All `tensors` of one type; `size` is what their data takes, in bytes."""

    form: TensorType
    tensors: int
    elements: int
    size: int


class Layout(NamedTuple):
    """What the table says. `data_bytes` is the end of the last tensor's data, counted from the
    begin of the first's."""

    alignment: int
    data_bytes: int
    groups: tuple[Group, ...]
    weights: Weights


class _Form(NamedTuple):
    """What all tensors of one shape and type have in common; `step` is the size of their data
    with the padding behind it."""

    type: TensorType
    elements: int
    size: int
    step: int


def read_tensors(cursor: Cursor, count: int, alignment: int) -> Layout:
    """Read and check `count` entries. Raises BadModelFile."""
    table = _Table(cursor, alignment)
    while count:
        window, begin = cursor.ahead(_MOST_BYTES)
        at, last = begin, len(window) - _MOST_BYTES
        try:
            # A window that reaches to the end of the file may hold less than the longest entry.
            while count and (at <= last or at == begin):
                at = table.read(window, at)
                count -= 1
        except struct.error:
            cursor.skip(at - begin)
            cursor.take(_MOST_BYTES)  # raises: the file ends in this entry
            raise
        cursor.skip(at - begin)
    return table.layout()


class _Table:
    """Collects the entries of one file. A model has hundreds of tensors and few shapes, so what
    follows from a shape is worked out once."""

    def __init__(self, cursor: Cursor, alignment: int) -> None:
        order, wide = cursor.order, cursor.length.format[-1:]
        self._alignment = alignment
        self._length = cursor.length
        self._u32 = struct.Struct(order + "I")
        # Shape, type and offset, by the number of dimensions.
        self._rests = tuple(
            struct.Struct(f"{order}{wide * count}IQ") for count in range(MAX_DIMENSIONS + 1)
        )
        self._known: dict[tuple[int, ...], _Form] = {}
        self._names: list[bytes] = []
        self._forms: list[_Form] = []
        # Each begins where the one before it ends, padded.
        self._next_offset = 0

    def read(self, window: bytes, at: int) -> int:
        """Take the entry at `at`; where the next one is. Raises BadModelFile, and struct.error
        when the window ends before the entry does."""
        length: int = self._length.unpack_from(window, at)[0]
        if length > MAX_NAME_BYTES:
            raise damaged(f"a tensor's name is {length:,} bytes long")
        at += self._length.size
        name = window[at : at + length]
        at += length
        dimensions: int = self._u32.unpack_from(window, at)[0]
        if dimensions > MAX_DIMENSIONS:
            raise damaged(f"tensor {shown(name)} has {dimensions} dimensions")
        rest = self._rests[dimensions]
        numbers = rest.unpack_from(window, at + 4)
        shape, offset = numbers[:-1], numbers[-1]
        form = self._known.get(shape) or self._work_out(name, shape)
        if offset != self._next_offset:
            raise _misplaced(name, offset, self._next_offset, self._alignment)
        self._next_offset = offset + form.step
        self._names.append(name)
        self._forms.append(form)
        return at + 4 + rest.size

    def layout(self) -> Layout:
        """What was collected. Raises BadModelFile."""
        if len(set(self._names)) < len(self._names):
            ((twice, _),) = Counter(self._names).most_common(1)
            raise damaged(f"two tensors have the name {shown(twice)}")
        if self._next_offset > _INT64_MAX:
            raise damaged("its tensors would not fit on any disk")
        data_bytes = 0
        if self._forms:
            last = self._forms[-1]
            data_bytes = self._next_offset - last.step + last.size
        return Layout(self._alignment, data_bytes, self._groups(), self._weights())

    def _work_out(self, name: bytes, shape: tuple[int, ...]) -> _Form:
        """What follows from a shape and, last, a type."""
        *sides, kind = shape
        elements = math.prod(sides)
        # A shape with a 0 in it has no elements, however large the rest of it is.
        if max((elements, *sides)) > _INT64_MAX:
            raise damaged(f"tensor {shown(name)} would not fit on any disk")
        form = TENSOR_TYPES.get(kind)
        if form is None:
            raise _unknown_type(kind)
        if sides and sides[0] % form.block:
            raise damaged(f"the rows of tensor {shown(name)} do not fill whole blocks")
        size = elements // form.block * form.block_bytes
        made = _Form(form, elements, size, padded(size, self._alignment))
        self._known[shape] = made
        return made

    def _groups(self) -> tuple[Group, ...]:
        groups: dict[str, Group] = {}
        for form, count in Counter(self._forms).items():
            name = form.type.name
            so_far = groups.get(name, Group(form.type, 0, 0, 0))
            groups[name] = Group(
                form.type,
                so_far.tensors + count,
                so_far.elements + form.elements * count,
                so_far.size + form.size * count,
            )
        return tuple(groups.values())

    def _weights(self) -> Weights:
        sizes: dict[bytes, int] = {}
        for name, form in zip(self._names, self._forms, strict=True):
            # A block's number ends at the first dot behind "blk.", other words too.
            part = name[: name.find(b".", len(_BLOCK))]
            sizes[part] = sizes.get(part, 0) + form.size
        return _sum_up(sizes, tied=b"output.weight" not in self._names)


def _sum_up(sizes: Mapping[bytes, int], *, tied: bool) -> Weights:
    """The data by what it is for, from the data by the begin of the name: `blk.7`, `token_embd`."""
    blocks: list[int] = []
    inputs = outputs = 0
    for part, size in sizes.items():
        number = part.removeprefix(_BLOCK)
        if number != part and number.isdigit() and len(number) <= 3 and int(number) < MAX_BLOCKS:
            block = int(number)
            blocks += [0] * (block + 1 - len(blocks))
            blocks[block] += size
        elif part in _INPUTS:
            inputs += size
        else:
            outputs += size
    return Weights(tuple(blocks), inputs, outputs, tied)


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
