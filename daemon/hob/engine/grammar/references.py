"""The schemas within a JSON Schema, and those that it refers to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from hob.engine.grammar.refusal import Refusal, shown

_SINGLES = ("items", "additionalItems", "additionalProperties")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_MAPS = ("properties", "patternProperties", "$defs", "definitions")

Schema = dict[str, Any]


def subschemas(node: Schema) -> Iterator[Any]:
    """What stands where a schema is expected; it need not be one."""
    for key in _SINGLES:
        inner = node.get(key)
        yield from inner if isinstance(inner, list) else [inner]
    for key in _LISTS:
        inner = node.get(key)
        yield from inner if isinstance(inner, list) else []
    for key in _MAPS:
        inner = node.get(key)
        yield from inner.values() if isinstance(inner, dict) else []


def target(root: Schema, reference: object) -> object:
    """What a $ref refers to; True for a name, which llguidance looks up itself.

    Raises Refusal when it leads out of the schema or to nothing.
    """
    if not isinstance(reference, str) or not reference.startswith("#"):
        raise Refusal(f"its $ref {shown(str(reference))} leads out of it, and nothing is fetched")
    path = unquote(reference[1:])
    if path and not path.startswith("/"):
        return True
    value: Any = root
    for part in path.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key in map(str, range(len(value))):
            value = value[int(key)]
        else:
            raise Refusal(f"its $ref {shown(reference)} leads to nothing")
    return value
