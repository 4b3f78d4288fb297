"""All that a header says, as lines for a person."""

from __future__ import annotations

from collections.abc import Iterable

from hob.models.gguf.checks import clean
from hob.models.gguf.header import KEPT_STRING_BYTES, Array, Entry, Header
from hob.models.gguf.types import VALUE_NAMES
from hob.wire.library import Metadatum, TensorGroup

_SHOWN_NUMBERS = 64
# A text of this length, in bytes, is one that the reader has cut, or hardly longer.
_CUT_BYTES = KEPT_STRING_BYTES - 4


def metadata_lines(header: Header) -> tuple[Metadatum, ...]:
    """One line for each key, in the order of the file; long texts are cut."""
    return tuple(_line(key, entry) for key, entry in header.metadata.items())


def tensor_groups(headers: Iterable[Header]) -> tuple[TensorGroup, ...]:
    """The tensors of all parts of a model by their type, the one with the most bytes first."""
    sums: dict[str, TensorGroup] = {}
    for header in headers:
        for group in header.groups:
            name = group.form.name
            so_far = sums.get(name, TensorGroup(name, 0, 0, 0))
            sums[name] = TensorGroup(
                kind=name,
                count=so_far.count + group.tensors,
                elements=so_far.elements + group.elements,
                size_bytes=so_far.size_bytes + group.size,
            )
    return tuple(sorted(sums.values(), key=lambda group: (-group.size_bytes, group.kind)))


def _line(key: str, entry: Entry) -> Metadatum:
    name = VALUE_NAMES[entry.kind]
    value = entry.value
    if isinstance(value, Array):
        return Metadatum(clean(key), f"{VALUE_NAMES[value.kind]}[{value.length}]", _list(value))
    if isinstance(value, str):
        return Metadatum(clean(key), name, _text(value))
    return Metadatum(clean(key), name, _number(value))


def _text(value: str) -> str:
    is_cut = len(value.encode("utf-8", "replace")) >= _CUT_BYTES
    return clean(value, KEPT_STRING_BYTES) + (" ..." if is_cut else "")


def _list(array: Array) -> str:
    shown = ", ".join(map(str, array.numbers[:_SHOWN_NUMBERS]))
    return shown + (", ..." if len(array.numbers) > _SHOWN_NUMBERS else "")


def _number(value: float) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.7g}" if isinstance(value, float) else str(value)
