"""Tool calls that are JSON objects: {"name": ..., "arguments": {...}}."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from hob.engine.output.jsontext import decoded, read_string, read_value, stream_value
from hob.engine.output.reader import Parsing, Reader
from hob.engine.output.sink import Sink

_NAMES = ("name", "tool_name", "function")
_ARGUMENTS = ("arguments", "parameters", "args")
_OTHERS = ("id", "type", "tool_call_id", "index", "call_id")


@dataclass(slots=True)
class _Call:
    """What is known of the call; `begun` when it has gone out."""

    name: str = ""
    arguments: str = "{}"
    begun: bool = False

    def fits(self, known: Container[str] | None) -> bool:
        return bool(self.name) and (known is None or self.name in known)


def read_calls(reader: Reader, sink: Sink, known: Container[str] | None = None) -> Parsing[bool]:
    """A call, or a list of them. False when there is none, and nothing has gone out then."""
    if (yield from reader.skip_space()) != "[":
        return (yield from read_call(reader, sink, known))
    reader.take(1)
    any_call = False
    while (yield from reader.skip_space()) == "{":
        if any_call:
            reader.hold()
        if not (yield from read_call(reader, sink, known)):
            if any_call:
                reader.back()
            return any_call
        any_call = True
        reader.release()
        if (yield from reader.skip_space()) == ",":
            reader.take(1)
    if any_call and (yield from reader.peek(1)) == "]":
        reader.take(1)
    return any_call


def read_call(reader: Reader, sink: Sink, known: Container[str] | None = None) -> Parsing[bool]:
    """One call. It goes out as soon as its name is known and its arguments begin; False when it
    turns out to be none before."""
    if not (yield from reader.accept("{")):
        return False
    call = _Call()
    while (yield from reader.skip_space()) == '"':
        if not (yield from _member(reader, sink, call, known)):
            return call.begun
        if (yield from reader.skip_space()) != ",":
            break
        reader.take(1)
    if (yield from reader.accept("}")) and not call.begun and call.fits(known):
        sink.call(call.name)
        sink.arguments(call.arguments)
        return True
    return call.begun


def _member(reader: Reader, sink: Sink, call: _Call, known: Container[str] | None) -> Parsing[bool]:
    """One key and its value; False when this cannot be a call, or is a broken one."""
    key = yield from read_string(reader)
    if key is None or (yield from reader.skip_space()) != ":":
        return False
    reader.take(1)
    first = yield from reader.skip_space()
    if key in _NAMES and not call.name:
        call.name = (yield from read_string(reader)) or ""
        return call.fits(known)
    if key in _ARGUMENTS and not call.begun:
        if first == "{" and call.name:
            call.begun = True
            yield from begin_arguments(reader, sink, call.name)
            return True
        return _set_arguments(call, (yield from read_value(reader)))
    return key in _OTHERS and (yield from read_value(reader)) is not None


def begin_arguments(reader: Reader, sink: Sink, name: str) -> Parsing[bool]:
    """The call goes out, and its arguments as they come; from here on there is no way back."""
    reader.release()
    sink.call(name)
    return (yield from stream_value(reader, sink.arguments))


def _set_arguments(call: _Call, text: str | None) -> bool:
    """Arguments that could not go out at once: they came before the name, or as a string."""
    if text is None:
        return False
    value = decoded(text)
    if isinstance(value, str):
        text, value = value, decoded(value)
    if value is None and text.strip() in ("null", "None", ""):
        text, value = "{}", {}
    call.arguments = text.strip()
    return isinstance(value, dict)
