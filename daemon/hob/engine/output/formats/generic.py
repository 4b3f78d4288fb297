"""For models that were trained on no format, or one that Hob does not know: they are told to write
JSON between <tool_call> and </tool_call>, and what they make of it is read generously: bare JSON
and JSON in a code block are calls as well, when they name one of the tools."""

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
from hob.engine.output.formats.lfm2 import read_python
from hob.engine.output.reader import Parsing, Reader
from hob.engine.output.sink import Sink

_OPEN, _CLOSE = "<tool_call>", "</tool_call>"
_FENCES = ("```json\n", "```tool_call\n", "```\n")
# Gemma 3 was taught to write Python here.
_PYTHON = "```tool_code\n"


def _calls(reader: Reader, sink: Sink, ask: Ask) -> Parsing[bool]:
    if not (yield from read_calls(reader, sink, ask.names)):
        return False
    reader.hold()
    yield from reader.skip_space()
    if (yield from reader.accept_any((_CLOSE, "```"))):
        reader.release()
    else:
        reader.back()
    return True


def _python(reader: Reader, sink: Sink, ask: Ask) -> Parsing[bool]:
    reader.hold()
    if (yield from _calls(reader, sink, ask)):
        return True
    reader.back()
    return (yield from read_python(reader, sink, ("```",), ask.names))


def _read(reader: Reader, sink: Sink, ask: Ask) -> Parsing[None]:
    while (yield from attempt(reader, sink, ask, _calls)):
        pass
    readers = {**dict.fromkeys((_OPEN, *_FENCES), _calls), _PYTHON: _python}
    yield from read_marked(reader, sink, ask, readers)


GENERIC = Format(
    name="generic",
    marks=(_OPEN, _CLOSE),
    syntax=CallSyntax(f'{_OPEN}\n{{"name": "{NAME}", "arguments": {ARGUMENTS}}}\n{_CLOSE}'),
    read=_read,
)
