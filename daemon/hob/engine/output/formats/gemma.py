"""Gemma: call:name{key:value} between marks, with texts between marks of their own. FunctionGemma
and Gemma 4 differ in the marks; Gemma 3 and before were trained on no format."""

from __future__ import annotations

import json
import re
from typing import Any

from hob.engine.output.format import (
    ARGUMENTS,
    NAME,
    Ask,
    CallSyntax,
    Format,
    Literal,
    read_marked,
)
from hob.engine.output.jsontext import decoded
from hob.engine.output.reader import Parsing, Reader
from hob.engine.output.sink import Sink
from hob.engine.output.typedtext import property_schemas, required_of
from hob.wire.chat import Tool

_NAME = re.compile(r"\s*call:([^\s{}]{1,128})\s*")
_DEEPEST = 8


def _make(name: str, open_: str, close: str, quote: str) -> Format:
    def read_one(reader: Reader, sink: Sink, _ask: Ask) -> Parsing[bool]:
        """The call is read to its end first, since its arguments are no JSON."""
        parts: list[str] = []
        yield from reader.until((close, open_), parts.append)
        head, brace, rest = "".join(parts).partition("{")
        arguments = _as_json(brace + rest.rstrip(), quote)
        found = _NAME.fullmatch(head)
        if not found or not isinstance(decoded(arguments), dict):
            return False
        sink.call(found[1])
        sink.arguments(arguments)
        return True

    def read(reader: Reader, sink: Sink, ask: Ask) -> Parsing[None]:
        yield from read_marked(reader, sink, ask, {open_: read_one})

    def arguments(tool: Tool, literal: Literal) -> str:
        return _grammar({"type": "object", **tool.parameters}, quote, literal, _DEEPEST)

    return Format(
        name=name,
        marks=(open_, close, quote),
        syntax=CallSyntax(f"{open_}call:{NAME}{ARGUMENTS}{close}", between=""),
        read=read,
        arguments=arguments,
    )


def _as_json(text: str, quote: str) -> str:
    """Keys and words get quotes, texts JSON's own."""
    mark = re.escape(quote)
    parts = re.compile(
        rf'{mark}(?P<text>.*?){mark}|(?P<json>"(?:[^"\\]|\\.)*")|(?P<structure>[{{}}\[\],:])'
        rf"|(?P<word>[^{{}}\[\],:<\"]+)|(?P<other>.)",
        re.DOTALL,
    )
    return "".join(_piece(found) for found in parts.finditer(text))


def _piece(found: re.Match[str]) -> str:
    if found["text"] is not None:
        return json.dumps(found["text"], ensure_ascii=False)
    if found["structure"]:
        return found[0] if found[0] not in ",:" else f"{found[0]} "
    word = (found["word"] or "").strip()
    if not word or decoded(word) is not None or word == "null":
        return found["json"] or word
    return json.dumps(word, ensure_ascii=False)


def _grammar(schema: Any, quote: str, literal: Literal, depth: int) -> str:  # noqa: ANN401
    """A value of this schema as an expression of a grammar."""
    kind = schema.get("type") if isinstance(schema, dict) else None
    if kind == "string":
        values = schema.get("enum")
        if isinstance(values, list) and values:
            return "(" + " | ".join(literal(f"{quote}{value}{quote}") for value in values) + ")"
        return f'({literal(quote)} /[^<"]*/ {literal(quote)})'
    if kind == "array" and depth:
        [items] = property_schemas({**schema, "properties": {"": schema.get("items")}}).values()
        item = _grammar(items, quote, literal, depth - 1)
        return f'("[" ({item} ("," {item})*)? "]")'
    if kind == "object" and depth:
        return _object(schema, quote, literal, depth)
    if kind in ("integer", "number", "boolean", "null"):
        return f"%json {json.dumps(schema)}"
    return f'({literal(quote)} /[^<"]*/ {literal(quote)})'


def _object(schema: dict[str, Any], quote: str, literal: Literal, depth: int) -> str:
    pairs = {
        key: f"{literal(f'{key}:')} {_grammar(value, quote, literal, depth - 1)}"
        for key, value in property_schemas(schema).items()
    }
    if not pairs:
        return '"{}"'
    # With none required the first is, since an answer of no argument at all says nothing.
    needed = [key for key in required_of(schema) if key in pairs] or [next(iter(pairs))]
    first = ' "," '.join(pairs[key] for key in needed)
    rest = " ".join(f'("," {pair})?' for key, pair in pairs.items() if key not in needed)
    return f'("{{" {first} {rest} "}}")'


FUNCTION_GEMMA = _make("functiongemma", "<start_function_call>", "<end_function_call>", "<escape>")
GEMMA4 = _make("gemma4", "<|tool_call>", "<tool_call|>", '<|"|>')
