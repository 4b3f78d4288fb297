"""A format: how a family of models writes its thoughts and its tool calls."""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hob.engine.output.reader import Parsing, Reader
from hob.engine.output.sink import Sink
from hob.engine.output.thoughts import ThoughtMarks
from hob.wire.chat import Tool

NAME, ARGUMENTS = "{{name}}", "{{arguments}}"

_ID_LETTERS = string.ascii_letters + string.digits
MISTRAL_ID_CHARS = 9


@dataclass(frozen=True, slots=True)
class Ask:
    """What of a request decides how its answer is read."""

    tools: tuple[Tool, ...] = ()
    separate: bool = True
    inside: bool = False

    @property
    def names(self) -> frozenset[str]:
        return frozenset(tool.name for tool in self.tools)


@dataclass(frozen=True, slots=True)
class CallSyntax:
    """How calls are written: `before` all, each as `call` with NAME and ARGUMENTS in it, `between`
    two, None where there can be only one, and `after` all."""

    call: str
    before: str = ""
    between: str | None = "\n"
    after: str = ""


# Writes a text, with the marks in it, as an expression of a grammar.
Literal = Callable[[str], str]
Read = Callable[[Reader, Sink, Ask], Parsing[None]]


def call_id() -> str:
    return f"call_{secrets.token_hex(12)}"


def mistral_id() -> str:
    """Mistral's templates refuse any other length."""
    return "".join(secrets.choice(_ID_LETTERS) for _ in range(MISTRAL_ID_CHARS))


@dataclass(frozen=True, slots=True)
class Format:
    """`marks` structure the output and are not part of it. `read` reads an answer that may hold
    tool calls, after its thoughts; with `channels` it reads every answer, thoughts and all.
    `arguments` writes a tool's arguments as an expression of a grammar in which `Literal`
    writes texts, with `rules` that it may refer to; None for JSON."""

    name: str
    marks: tuple[str, ...]
    syntax: CallSyntax
    read: Read
    new_id: Callable[[], str] = call_id
    arguments: Callable[[Tool, Literal], str] | None = None
    rules: tuple[str, ...] = ()
    thoughts: ThoughtMarks | None = None
    channels: bool = False


def read_text(reader: Reader, sink: Sink) -> Parsing[None]:
    """The rest is text."""
    while (yield from reader.until(sink.hidden, sink.text)):
        pass


ReadCalls = Callable[[Reader, Sink, Ask], Parsing[bool]]


def read_marked(
    reader: Reader, sink: Sink, ask: Ask, readers: Mapping[str, ReadCalls]
) -> Parsing[None]:
    """Text, with calls that begin with a mark; `readers` read what follows each. What is no call
    then is text, and so is the mark."""
    marks = (*readers, *sink.hidden)
    while mark := (yield from reader.until(marks, sink.text)):
        read_calls = readers.get(mark)
        if not (read_calls and (yield from attempt(reader, sink, ask, read_calls))):
            sink.mark(mark)


def attempt(reader: Reader, sink: Sink, ask: Ask, read_calls: ReadCalls) -> Parsing[bool]:
    """Read calls, or nothing at all."""
    reader.hold()
    if (yield from read_calls(reader, sink, ask)):
        reader.release()
        return True
    reader.back()
    return False
