"""Qwen 3 Coder and its kin: <function=name> with a <parameter=key> for each argument. The values
are bare text, and the tool's schema says what they are."""

from __future__ import annotations

import json
import re
from typing import Any

from hob.engine.output.format import ARGUMENTS, NAME, Ask, CallSyntax, Format, Literal, read_marked
from hob.engine.output.reader import Parsing, Reader
from hob.engine.output.sink import Sink
from hob.engine.output.typedtext import (
    kinds_of,
    kinds_of_schema,
    property_schemas,
    read_value_text,
    required_of,
)
from hob.wire.chat import Tool

_OPEN, _CLOSE = "<tool_call>", "</tool_call>"
_SEED_OPEN, _SEED_CLOSE = "<seed:tool_call>", "</seed:tool_call>"
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
    kinds = kinds_of(ask.tools, name)
    reader.release()
    sink.call(name)
    before = "{"
    yield from reader.skip_space()
    while (yield from reader.accept(_PARAMETER)):
        key = yield from _key(reader)
        sink.arguments(f"{before}{json.dumps(key, ensure_ascii=False)}: ")
        yield from reader.accept("\n")
        ends = (f"\n{_PARAMETER_END}", _PARAMETER_END)
        yield from read_value_text(reader, sink, kinds.get(key, frozenset()), ends)
        before = ", "
        yield from reader.skip_space()
    sink.arguments("}" if before != "{" else "{}")
    yield from reader.accept(_FUNCTION_END)
    yield from reader.skip_space()
    yield from reader.accept_any((_CLOSE, _SEED_CLOSE))
    return True


def _key(reader: Reader) -> Parsing[str]:
    parts: list[str] = []
    mark = yield from reader.until((">", "\n", "<"), parts.append)
    key = "".join(parts).strip().strip('"')
    return key if mark == ">" and _KEY.fullmatch(key) else ""


def _arguments(tool: Tool, literal: Literal) -> str:
    """The arguments as an expression of a grammar: what is required, then perhaps the rest."""
    needed = required_of(tool.parameters)
    parts = []
    for key, schema in property_schemas(tool.parameters).items():
        head = f"{_PARAMETER}{key}>\n"
        expression = f"({literal(head)} {_grammar(schema, literal)})"
        parts.append(expression if key in needed else f"{expression}?")
    return " ".join(parts) or '""'


def _grammar(schema: Any, literal: Literal) -> str:  # noqa: ANN401
    """A value and the end of its parameter."""
    end = f"\n{_PARAMETER_END}\n"
    if kinds_of_schema(schema) != {"string"}:
        return f"%json {json.dumps(schema)} {literal(end)}"
    if isinstance(values := schema.get("enum"), list):
        return "(" + " | ".join(literal(f"{value}{end}") for value in values) + ")"
    return "text_value"


def _read(reader: Reader, sink: Sink, ask: Ask) -> Parsing[None]:
    yield from read_marked(
        reader, sink, ask, {_OPEN: _wrapped, _SEED_OPEN: _wrapped, _FUNCTION: _function}
    )


def _make(name: str, open_: str, close: str) -> Format:
    call = f"{open_}\n{_FUNCTION}{NAME}>\n{ARGUMENTS}{_FUNCTION_END}\n{close}"
    return Format(
        name=name,
        marks=(open_, close),
        syntax=CallSyntax(call),
        read=_read,
        arguments=_arguments,
        # As little as can be: what follows the first end is not part of the value.
        rules=(r"text_value[lazy]: /(?s:.*)\n<\/parameter>\n/",),
    )


QWEN_XML = _make("qwen-xml", _OPEN, _CLOSE)
SEED_XML = _make("seed-xml", _SEED_OPEN, _SEED_CLOSE)
