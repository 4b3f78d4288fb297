"""DeepSeek: each call between marks of its own; R1 and V3 put the arguments into a code block,
V3.1 writes name and arguments alone."""

from __future__ import annotations

from hob.engine.output.callobject import begin_arguments
from hob.engine.output.format import ARGUMENTS, NAME, Ask, CallSyntax, Format, read_marked
from hob.engine.output.reader import MAX_HELD, Parsing, Reader
from hob.engine.output.sink import Sink

_CALLS, _CALLS_END = "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"  # noqa: RUF001
_CALL, _CALL_END = "<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>"  # noqa: RUF001
_SEP = "<｜tool▁sep｜>"  # noqa: RUF001
_MARKS = (_CALLS, _CALLS_END, _CALL, _CALL_END, _SEP)
_FENCE = "```json\n"


def _calls(reader: Reader, sink: Sink, _ask: Ask) -> Parsing[bool]:
    """The calls behind the first mark, of which the mark of the first call may be missing."""
    found = False
    while True:
        reader.hold()
        yield from reader.skip_space()
        marked = yield from reader.accept(_CALL)
        if not (marked or not found) or not (yield from _call(reader, sink)):
            reader.back()
            break
        found = True
        reader.release()
    if found:
        yield from reader.skip_space()
        yield from reader.accept(_CALLS_END)
    return found


def _call(reader: Reader, sink: Sink) -> Parsing[bool]:
    name = yield from _word(reader, _SEP)
    fenced = False
    if name and (yield from reader.skip_space()) != "{":
        # What stood before was the type of the call, `function`.
        name = yield from _word(reader, "\n")
        fenced = yield from reader.accept(_FENCE)
    if not name or (yield from reader.skip_space()) != "{":
        return False
    yield from begin_arguments(reader, sink, name)
    yield from reader.skip_space()
    if fenced and (yield from reader.accept("```")):
        yield from reader.skip_space()
    yield from reader.accept(_CALL_END)
    return True


def _word(reader: Reader, end: str) -> Parsing[str]:
    """A name and the `end` behind it; nothing when there is none."""
    parts: list[str] = []
    mark = yield from reader.until((*_MARKS, "\n"), parts.append)
    word = "".join(parts).strip()
    return word if mark == end and len(word) < MAX_HELD else ""


def _read(reader: Reader, sink: Sink, ask: Ask) -> Parsing[None]:
    yield from read_marked(reader, sink, ask, {_CALLS: _calls, _CALL: _calls})


_V3_CALL = f"{_CALL}function{_SEP}{NAME}\n{_FENCE}{ARGUMENTS}\n```{_CALL_END}"
DEEPSEEK = Format(
    name="deepseek",
    marks=_MARKS,
    syntax=CallSyntax(_V3_CALL, before=_CALLS, between="\n", after=_CALLS_END),
    read=_read,
)
DEEPSEEK_V31 = Format(
    name="deepseek-v3.1",
    marks=_MARKS,
    syntax=CallSyntax(
        f"{_CALL}{NAME}{_SEP}{ARGUMENTS}{_CALL_END}", before=_CALLS, between="", after=_CALLS_END
    ),
    read=_read,
)
