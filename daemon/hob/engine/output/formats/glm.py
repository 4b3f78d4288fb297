"""GLM: the name behind <tool_call>, then a key and a value for each argument, as bare text."""

from __future__ import annotations

import json
import re

from hob.engine.output.format import (
    ARGUMENTS,
    NAME,
    Ask,
    CallSyntax,
    Format,
    Literal,
    read_marked,
)
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
_KEY, _KEY_END = "<arg_key>", "</arg_key>"
_VALUE, _VALUE_END = "<arg_value>", "</arg_value>"
_MARKS = (_OPEN, _CLOSE, _KEY, _KEY_END, _VALUE, _VALUE_END)
_NAME = re.compile(r"[^\s<>{}\"]{1,128}")


def _call(reader: Reader, sink: Sink, ask: Ask) -> Parsing[bool]:
    parts: list[str] = []
    mark = yield from reader.until(_MARKS, parts.append)
    name = "".join(parts).strip()
    if mark not in (_KEY, _CLOSE) or not _NAME.fullmatch(name):
        return False
    reader.release()
    sink.call(name)
    before = "{"
    kinds = kinds_of(ask.tools, name)
    while mark == _KEY:
        key: list[str] = []
        yield from reader.until((_KEY_END,), key.append)
        yield from reader.skip_space()
        yield from reader.accept(_VALUE)
        word = "".join(key).strip()
        sink.arguments(f"{before}{json.dumps(word, ensure_ascii=False)}: ")
        yield from read_value_text(reader, sink, kinds.get(word, frozenset()), (_VALUE_END,))
        before = ", "
        yield from reader.skip_space()
        mark = yield from reader.accept_any((_KEY, _CLOSE))
    sink.arguments("{}" if before == "{" else "}")
    return True


def _arguments(tool: Tool, literal: Literal) -> str:
    """The arguments as an expression of a grammar: what is required, then perhaps the rest."""
    needed = required_of(tool.parameters)
    pairs = [
        _pair(key, schema, literal) + ("" if key in needed else "?")
        for key, schema in property_schemas(tool.parameters).items()
    ]
    return " ".join(pairs) or '""'


def _pair(key: str, schema: object, literal: Literal) -> str:
    if kinds_of_schema(schema) != {"string"}:
        value = f"%json {json.dumps(schema)}"
    elif isinstance(schema, dict) and isinstance(values := schema.get("enum"), list):
        value = "(" + " | ".join(literal(str(item)) for item in values) + ")"
    else:
        value = "/[^<]*/"
    head, end = literal(f"{_KEY}{key}{_KEY_END}\n{_VALUE}"), literal(f"{_VALUE_END}\n")
    return f"({head} {value} {end})"


def _read(reader: Reader, sink: Sink, ask: Ask) -> Parsing[None]:
    yield from read_marked(reader, sink, ask, {_OPEN: _call})


GLM = Format(
    name="glm",
    marks=_MARKS,
    syntax=CallSyntax(f"{_OPEN}{NAME}\n{ARGUMENTS}{_CLOSE}"),
    read=_read,
    arguments=_arguments,
)
