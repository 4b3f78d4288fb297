"""JSON between <tool_call> and </tool_call>: Hermes, Qwen 2.5 and 3, QwQ, SmolLM, Granite 4."""

from __future__ import annotations

from hob.engine.output.callobject import read_calls
from hob.engine.output.format import ARGUMENTS, NAME, Ask, CallSyntax, Format, read_marked
from hob.engine.output.reader import Parsing, Reader
from hob.engine.output.sink import Sink

_OPEN, _CLOSE = "<tool_call>", "</tool_call>"


def _calls(reader: Reader, sink: Sink, _ask: Ask) -> Parsing[bool]:
    if not (yield from read_calls(reader, sink)):
        return False
    yield from reader.skip_space()
    yield from reader.accept(_CLOSE)
    return True


def _read(reader: Reader, sink: Sink, ask: Ask) -> Parsing[None]:
    yield from read_marked(reader, sink, ask, {_OPEN: _calls})


HERMES = Format(
    name="hermes",
    marks=(_OPEN, _CLOSE),
    syntax=CallSyntax(f'{_OPEN}\n{{"name": "{NAME}", "arguments": {ARGUMENTS}}}\n{_CLOSE}'),
    read=_read,
)
