"""Checks on values whose shape is the client's own: schemas, and values for a chat template."""

from __future__ import annotations

import msgspec

from hob.errors import InvalidRequest

# Far deeper than any schema, and far from where encoding it for the worker would fail.
MAX_DEPTH = 64
# What goes to the worker is MessagePack, whose integers have 64 bits.
_LEAST, _MOST = -(2**63), 2**64 - 1


def check_free(value: object, where: str, max_bytes: int) -> None:
    """Raises InvalidRequest, naming `where`, unless the worker can be sent the JSON value."""
    waiting: list[tuple[object, int]] = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise InvalidRequest(f"`{where}` is nested more than {MAX_DEPTH} deep.", param=where)
        if isinstance(item, dict):
            waiting += [(inner, depth + 1) for inner in item.values()]
        elif isinstance(item, list):
            waiting += [(inner, depth + 1) for inner in item]
        elif isinstance(item, int) and not _LEAST <= item <= _MOST:
            raise InvalidRequest(f"`{where}` has a number of more than 64 bits.", param=where)
    if len(msgspec.json.encode(value)) > max_bytes:
        raise InvalidRequest(f"`{where}` is larger than {max_bytes} bytes.", param=where)


def read_json(text: str, where: str) -> object:
    """The value of a JSON text. Raises InvalidRequest."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidRequest(f"`{where}` is not valid JSON.", param=where) from error
