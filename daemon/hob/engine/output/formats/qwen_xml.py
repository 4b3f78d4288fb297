"""Qwen 3 Coder and its kin: <function=name> with a <parameter=key> for each argument. The values
are bare text, and the tool's schema says what they are."""

from __future__ import annotations

import json
import re
from typing import Any

from hob.engine.output.format import ARGUMENTS, NAME, Ask, CallSyntax, Format, Literal, read_marked
from hob.engine.output.jsontext import decoded
from hob.engine.output.reader import Parsing, Reader
from hob.engine.output.sink import Sink
from hob.wire.chat import Tool

_OPEN, _CLOSE = "<tool_call>", "</tool_call>"
_FUNCTION, _FUNCTION_END = "<function=", "</function>"
_PARAMETER, _PARAMETER_END = "<parameter=", "</parameter>"
_KEY = re.compile(r"[^\s<>\"]{1,128}")


def _wrapped(reader: Reader, sink: Sink, ask: Ask) -> Parsing[bool]:
    """What follows <tool_call>."""
    yield from reader.skip_space()
    return (yield from reader.accept(_FUNCTION)) and (yield from _function(reader, sink, ask))


def _function(reader: Reader, sink: Sink, ask: Ask) -> Parsing[bool]:
    """What follows <function=, which some write without <tool_call> before it."""
    name = yield from _key(reader)
    if not name:
        return False
    kinds = _kinds(next((tool for tool in ask.tools if tool.name == name), Tool(name=name)))
    reader.release()
    sink.call(name)
    before = "{"
    yield from reader.skip_space()
    while (yield from reader.accept(_PARAMETER)):
        key = yield from _key(reader)
        sink.arguments(f"{before}{json.dumps(key, ensure_ascii=False)}: ")
        yield from _value(reader, sink, kinds.get(key, frozenset()))
        before = ", "
        yield from reader.skip_space()
    sink.arguments("}" if before != "{" else "{}")
    yield from reader.accept(_FUNCTION_END)
    yield from reader.skip_space()
    yield from reader.accept(_CLOSE)
    return True


def _key(reader: Reader) -> Parsing[str]:
    parts: list[str] = []
    mark = yield from reader.until((">", "\n", "<"), parts.append)
    key = "".join(parts).strip().strip('"')
    return key if mark == ">" and _KEY.fullmatch(key) else ""


def _value(reader: Reader, sink: Sink, kinds: frozenset[str]) -> Parsing[None]:
    """A value as JSON; text goes out as it comes."""
    yield from reader.accept("\n")
    ends = (f"\n{_PARAMETER_END}", _PARAMETER_END)
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


def _kinds(tool: Tool) -> dict[str, frozenset[str]]:
    """The JSON types that each argument may have; none where the schema does not say."""
    properties = tool.parameters.get("properties")
    if not isinstance(properties, dict):
        return {}
    return {key: _kinds_of(schema) for key, schema in properties.items()}


def _kinds_of(schema: Any) -> frozenset[str]:  # noqa: ANN401
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


def _arguments(tool: Tool, literal: Literal) -> str:
    """The arguments as an expression of a grammar: what is required, then perhaps the rest."""
    properties = tool.parameters.get("properties")
    if not isinstance(properties, dict):
        return '""'
    required = tool.parameters.get("required")
    needed = required if isinstance(required, list) else []
    parts = []
    for key in sorted(properties, key=lambda key: key not in needed):
        head = f"{_PARAMETER}{key}>\n"
        expression = f"({literal(head)} {_grammar(properties[key], literal)})"
        parts.append(expression if key in needed else f"{expression}?")
    return " ".join(parts) or '""'


def _grammar(schema: Any, literal: Literal) -> str:  # noqa: ANN401
    """A value and the end of its parameter."""
    end = f"\n{_PARAMETER_END}\n"
    if _kinds_of(schema) != {"string"}:
        return f"%json {json.dumps(schema)} {literal(end)}"
    if isinstance(values := schema.get("enum"), list):
        return "(" + " | ".join(literal(f"{value}{end}") for value in values) + ")"
    return f"/(?s:.*)/ {literal(end)}"


def _read(reader: Reader, sink: Sink, ask: Ask) -> Parsing[None]:
    yield from read_marked(reader, sink, ask, {_OPEN: _wrapped, _FUNCTION: _function})


QWEN_XML = Format(
    name="qwen-xml",
    marks=(_OPEN, _CLOSE),
    syntax=CallSyntax(f"{_OPEN}\n{_FUNCTION}{NAME}>\n{ARGUMENTS}{_FUNCTION_END}\n{_CLOSE}"),
    read=_read,
    arguments=_arguments,
)
