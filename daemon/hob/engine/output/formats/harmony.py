"""gpt-oss: messages in channels. `analysis` holds thoughts, `final` the answer, and a message to
`functions.NAME` is a call."""

from __future__ import annotations

import re

from hob.engine.output.callobject import begin_arguments
from hob.engine.output.format import ARGUMENTS, NAME, Ask, CallSyntax, Format
from hob.engine.output.reader import Parsing, Reader
from hob.engine.output.sink import Sink
from hob.engine.output.thoughts import ThoughtMarks

_START, _CHANNEL, _MESSAGE = "<|start|>", "<|channel|>", "<|message|>"
_CONSTRAIN, _END, _CALL, _RETURN = "<|constrain|>", "<|end|>", "<|call|>", "<|return|>"
_MARKS = (_START, _CHANNEL, _MESSAGE, _CONSTRAIN, _END, _CALL, _RETURN)
_ENDS = (_END, _CALL, _RETURN, _START)
_TO = re.compile(r"to=functions\.([^\s<]+)")
# How a message may begin behind the prompt, which ends in the middle of its header.
_HEADER_STARTS = (" to=", "to=", "assistant")
_MOST_HEADER = 200


def _read(reader: Reader, sink: Sink, ask: Ask) -> Parsing[None]:
    """One message after another."""
    spoken = False
    while first := (yield from reader.peek(1)):
        if first != "<" and not (yield from _begins_header(reader)):
            yield from reader.until(_MARKS, sink.text)
            spoken = True
            continue
        header, complete = yield from _header(reader)
        call = _TO.search(header)
        if not complete:
            # A message without a text; what is too long for a header must have been one.
            sink.text(header if len(header) > _MOST_HEADER else "")
        elif call and ask.tools:
            yield from _call(reader, sink, call[1])
        elif "analysis" in header:
            yield from _thoughts(reader, sink, ask)
        else:
            sink.text("\n\n" if spoken else "")
            yield from reader.until(_ENDS, sink.text)
            spoken = True


def _begins_header(reader: Reader) -> Parsing[bool]:
    reader.hold()
    start = yield from reader.accept_any(_HEADER_STARTS)
    reader.back()
    return bool(start)


def _header(reader: Reader) -> Parsing[tuple[str, bool]]:
    """What stands before the text of a message: the role, who it is for, the channel; and whether
    a text follows."""
    parts: list[str] = []
    while mark := (yield from reader.until(_MARKS, parts.append)):
        if mark in (_MESSAGE, _END, _CALL, _RETURN):
            return "".join(parts), mark == _MESSAGE
        parts.append(" ")
    return "".join(parts), False


def _thoughts(reader: Reader, sink: Sink, ask: Ask) -> Parsing[None]:
    sink.thinking = True
    yield from reader.until(_ENDS, sink.think if ask.separate else sink.text)
    sink.thinking = False
    if ask.separate:
        sink.thought()
    else:
        sink.text("\n\n")


def _call(reader: Reader, sink: Sink, name: str) -> Parsing[None]:
    if (yield from reader.skip_space()) == "{":
        yield from begin_arguments(reader, sink, name)
    yield from reader.until(_ENDS, sink.text)


HARMONY = Format(
    name="harmony",
    marks=_MARKS,
    syntax=CallSyntax(
        f"{_CHANNEL}commentary to=functions.{NAME} {_CONSTRAIN}json{_MESSAGE}{ARGUMENTS}",
        between=None,
    ),
    read=_read,
    thoughts=ThoughtMarks(
        open=f"{_CHANNEL}analysis{_MESSAGE}",
        close=_END,
        closing=f"{_END}{_START}assistant{_CHANNEL}final{_MESSAGE}",
        then=f"{_START}assistant",
        # Here the model may call a tool, or say something; left to choose the channel, it could
        # choose to go on thinking.
        closing_to_call=f"{_END}{_START}assistant{_CHANNEL}commentary",
        answer=f"{_CHANNEL}final{_MESSAGE}",
    ),
    channels=True,
)
