"""A JSON list behind <|tool_call|>: Phi-4-mini closes it, Granite 3 does not."""

from __future__ import annotations

from hob.engine.output.callobject import read_calls
from hob.engine.output.format import ARGUMENTS, NAME, Ask, CallSyntax, Format, read_marked
from hob.engine.output.reader import Parsing, Reader
from hob.engine.output.sink import Sink

_OPEN, _CLOSE = "<|tool_call|>", "<|/tool_call|>"
_CALL = f'{{"name": "{NAME}", "arguments": {ARGUMENTS}}}'


def _calls(reader: Reader, sink: Sink, _ask: Ask) -> Parsing[bool]:
    if not (yield from read_calls(reader, sink)):
        return False
    yield from reader.skip_space()
    yield from reader.accept(_CLOSE)
    return True


def _read(reader: Reader, sink: Sink, ask: Ask) -> Parsing[None]:
    yield from read_marked(reader, sink, ask, {_OPEN: _calls})


PHI4 = Format(
    name="phi4",
    marks=(_OPEN, _CLOSE),
    syntax=CallSyntax(_CALL, before=f"{_OPEN}[", between=", ", after=f"]{_CLOSE}"),
    read=_read,
)
GRANITE = Format(
    name="granite",
    marks=(_OPEN,),
    syntax=CallSyntax(_CALL, before=f"{_OPEN}[", between=", ", after="]"),
    read=_read,
)
