"""LFM 2: a list of calls as Python writes them, between marks; the newest write JSON there."""

from __future__ import annotations

from collections.abc import Container

from hob.engine.output.callobject import read_calls
from hob.engine.output.format import ARGUMENTS, NAME, Ask, CallSyntax, Format, read_marked
from hob.engine.output.pythoncall import parse_calls
from hob.engine.output.reader import Parsing, Reader
from hob.engine.output.sink import Sink

_OPEN, _CLOSE = "<|tool_call_start|>", "<|tool_call_end|>"


def read_python(
    reader: Reader, sink: Sink, closers: tuple[str, ...], known: Container[str] | None = None
) -> Parsing[bool]:
    """Calls up to a closing mark. They are read to their end first, since they are no JSON."""
    parts: list[str] = []
    yield from reader.until(closers, parts.append)
    calls = parse_calls("".join(parts))
    if known is not None and any(name not in known for name, _arguments in calls):
        return False
    for name, arguments in calls:
        sink.call(name)
        sink.arguments(arguments)
    return bool(calls)


def _calls(reader: Reader, sink: Sink, _ask: Ask) -> Parsing[bool]:
    reader.hold()
    if (yield from read_calls(reader, sink)):
        yield from reader.skip_space()
        yield from reader.accept(_CLOSE)
        return True
    reader.back()
    return (yield from read_python(reader, sink, (_CLOSE, _OPEN)))


def _read(reader: Reader, sink: Sink, ask: Ask) -> Parsing[None]:
    yield from read_marked(reader, sink, ask, {_OPEN: _calls})


LFM2 = Format(
    name="lfm2",
    marks=(_OPEN, _CLOSE),
    # Of the two ways that it reads and writes, JSON is the one that a schema describes.
    syntax=CallSyntax(
        f'{{"name": "{NAME}", "arguments": {ARGUMENTS}}}',
        before=f"{_OPEN}[",
        between=", ",
        after=f"]{_CLOSE}",
    ),
    read=_read,
)
