"""Llama 3: a bare JSON object, with <|python_tag|> before it or without."""

from __future__ import annotations

from hob.engine.output.callobject import read_calls
from hob.engine.output.format import (
    ARGUMENTS,
    NAME,
    Ask,
    CallSyntax,
    Format,
    attempt,
    read_marked,
)
from hob.engine.output.reader import Parsing, Reader
from hob.engine.output.sink import Sink

_TAG = "<|python_tag|>"


def _tagged(reader: Reader, sink: Sink, ask: Ask) -> Parsing[bool]:
    """Calls apart from each other by `;` or nothing."""
    found = False
    while (yield from reader.skip_space()) in ("{", "["):
        if not (yield from attempt(reader, sink, ask, _one)):
            break
        found = True
        if (yield from reader.skip_space()) == ";":
            reader.take(1)
    return found


def _one(reader: Reader, sink: Sink, ask: Ask) -> Parsing[bool]:
    """JSON that names one of the tools; any other JSON is the answer itself."""
    return (yield from read_calls(reader, sink, ask.names))


def _read(reader: Reader, sink: Sink, ask: Ask) -> Parsing[None]:
    yield from attempt(reader, sink, ask, _bare)
    yield from read_marked(reader, sink, ask, {_TAG: _tagged})


def _bare(reader: Reader, sink: Sink, ask: Ask) -> Parsing[bool]:
    yield from reader.skip_space()
    return (yield from _tagged(reader, sink, ask))


LLAMA3 = Format(
    name="llama3",
    marks=(_TAG,),
    syntax=CallSyntax(f'{{"name": "{NAME}", "parameters": {ARGUMENTS}}}', between="; "),
    read=_read,
)
