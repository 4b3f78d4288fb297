"""Arguments that stand as bare text: the tool's schema says what they are."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from hob.engine.output.jsontext import decoded
from hob.engine.output.reader import Parsing, Reader
from hob.engine.output.sink import Sink
from hob.wire.chat import Tool


def read_value_text(
    reader: Reader, sink: Sink, kinds: frozenset[str], ends: tuple[str, ...]
) -> Parsing[None]:
    """A value up to one of `ends`, as JSON; what must be a string goes out as it comes."""
    if kinds == {"string"}:
        sink.arguments('"')
        yield from reader.until(ends, lambda text: sink.arguments(_escaped(text)))
        sink.arguments('"')
        return
    parts: list[str] = []
    yield from reader.until(ends, parts.append)
    sink.arguments(_as_json("".join(parts), kinds))


def _as_json(text: str, kinds: frozenset[str]) -> str:
    """JSON where the schema allows what it is, and else a string."""
    word = text.strip()
    word = {"True": "true", "False": "false", "None": "null"}.get(word, word)
    value = decoded(word)
    fits = word == "null" or value is not None
    if not fits or (isinstance(value, str) and "string" in kinds):
        return f'"{_escaped(text)}"'
    if "string" in kinds and not kinds & _kind_of(value):
        return f'"{_escaped(text)}"'
    return word


def _kind_of(value: object) -> frozenset[str]:
    match value:
        case None:
            return frozenset({"null"})
        case bool():
            return frozenset({"boolean"})
        case int() | float():
            return frozenset({"integer", "number"})
        case list():
            return frozenset({"array"})
        case _:
            return frozenset({"object"})


def _escaped(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def property_schemas(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of each property, with the definitions that it may refer to: required ones
    first."""
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return {}
    shared = {key: schema[key] for key in ("$defs", "definitions") if key in schema}
    needed = required_of(schema)
    return {
        key: {**value, **shared} if isinstance(value, dict) else value
        for key, value in sorted(properties.items(), key=lambda item: item[0] not in needed)
    }


def required_of(schema: dict[str, Any]) -> list[str]:
    required = schema.get("required")
    return required if isinstance(required, list) else []


def kinds_of(tools: Iterable[Tool], name: str) -> dict[str, frozenset[str]]:
    """The JSON types that each argument of a tool may have; none where the schema does not say."""
    for tool in tools:
        properties = tool.parameters.get("properties")
        if tool.name == name and isinstance(properties, dict):
            return {key: kinds_of_schema(schema) for key, schema in properties.items()}
    return {}


def kinds_of_schema(schema: Any) -> frozenset[str]:  # noqa: ANN401
    """The JSON types that a schema names, or that its choices have when all are strings."""
    if not isinstance(schema, dict):
        return frozenset()
    kinds = schema.get("type")
    if isinstance(kinds, str):
        return frozenset({kinds})
    if isinstance(kinds, list):
        return frozenset(kind for kind in kinds if isinstance(kind, str))
    values = schema.get("enum")
    if isinstance(values, list) and values and all(isinstance(v, str) for v in values):
        return frozenset({"string"})
    return frozenset()
