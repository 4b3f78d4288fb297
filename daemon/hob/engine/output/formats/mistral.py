"""Mistral: [TOOL_CALLS] and a JSON list, or since 2025 [TOOL_CALLS]name[ARGS]{...} for each."""

from __future__ import annotations

import re

from hob.engine.output.callobject import begin_arguments, read_calls
from hob.engine.output.format import (
    ARGUMENTS,
    NAME,
    Ask,
    CallSyntax,
    Format,
    mistral_id,
    read_marked,
)
from hob.engine.output.reader import Parsing, Reader
from hob.engine.output.sink import Sink

_OPEN, _ARGS, _ID = "[TOOL_CALLS]", "[ARGS]", "[CALL_ID]"
_NAME = re.compile(r"[^\s{}\"]{1,128}")


def _calls(reader: Reader, sink: Sink, _ask: Ask) -> Parsing[bool]:
    if (yield from reader.skip_space()) in ("[", "{"):
        return (yield from read_calls(reader, sink))
    parts: list[str] = []
    mark = yield from reader.until((_ARGS, _ID, "{", "\n"), parts.append)
    name = "".join(parts)
    if mark == _ID:
        mark = yield from reader.until((_ARGS, "\n"), lambda _id: None)
    if not _NAME.fullmatch(name) or mark not in (_ARGS, "{"):
        return False
    if mark == _ARGS and (yield from reader.skip_space()) != "{":
        return False
    if mark == "{":
        reader.unread("{")
    yield from begin_arguments(reader, sink, name)
    return True


def _read(reader: Reader, sink: Sink, ask: Ask) -> Parsing[None]:
    yield from read_marked(reader, sink, ask, {_OPEN: _calls})


MISTRAL = Format(
    name="mistral",
    marks=(_OPEN,),
    syntax=CallSyntax(
        f'{{"name": "{NAME}", "arguments": {ARGUMENTS}}}',
        before=f"{_OPEN}[",
        between=", ",
        after="]",
    ),
    read=_read,
    new_id=mistral_id,
)
MISTRAL_ARGS = Format(
    name="mistral-args",
    marks=(_OPEN, _ARGS, _ID),
    syntax=CallSyntax(f"{_OPEN}{NAME}{_ARGS}{ARGUMENTS}", between=""),
    read=_read,
    new_id=mistral_id,
)
