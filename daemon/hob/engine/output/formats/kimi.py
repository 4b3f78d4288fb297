"""Kimi K2: a section of calls, each with its id, which names the function, before its arguments."""

from __future__ import annotations

import re

from hob.engine.output.callobject import begin_arguments
from hob.engine.output.format import ARGUMENTS, NAME, Ask, CallSyntax, Format, read_marked
from hob.engine.output.reader import Parsing, Reader
from hob.engine.output.sink import Sink

_SECTION, _SECTION_END = "<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"
_CALL, _ARGUMENTS, _END = "<|tool_call_begin|>", "<|tool_call_argument_begin|>", "<|tool_call_end|>"
_MARKS = (_SECTION, _SECTION_END, _CALL, _ARGUMENTS, _END)
_ID = re.compile(r"\s*(?:functions\.)?([^\s:{}]{1,128})(?::\d+)?\s*")


def _section(reader: Reader, sink: Sink, ask: Ask) -> Parsing[bool]:
    found = False
    while True:
        reader.hold()
        yield from reader.skip_space()
        opened = yield from reader.accept(_CALL)
        if not opened or not (yield from _call(reader, sink, ask)):
            reader.back()
            break
        found = True
    yield from reader.skip_space()
    yield from reader.accept(_SECTION_END)
    return found


def _call(reader: Reader, sink: Sink, _ask: Ask) -> Parsing[bool]:
    parts: list[str] = []
    mark = yield from reader.until(_MARKS, parts.append)
    name = _ID.fullmatch("".join(parts))
    if mark != _ARGUMENTS or not name or (yield from reader.skip_space()) != "{":
        return False
    yield from begin_arguments(reader, sink, name[1])
    yield from reader.skip_space()
    yield from reader.accept(_END)
    return True


def _read(reader: Reader, sink: Sink, ask: Ask) -> Parsing[None]:
    yield from read_marked(reader, sink, ask, {_SECTION: _section, _CALL: _call})


KIMI = Format(
    name="kimi",
    marks=_MARKS,
    syntax=CallSyntax(
        f"{_CALL}functions.{NAME}:0{_ARGUMENTS}{ARGUMENTS}{_END}",
        before=_SECTION,
        between="",
        after=_SECTION_END,
    ),
    read=_read,
)
