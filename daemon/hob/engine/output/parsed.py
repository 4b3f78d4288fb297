"""An answer that is more than text."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hob.engine.output.format import Ask, Format, read_text
from hob.engine.output.reader import Parsing, Reader
from hob.engine.output.sink import Sink
from hob.engine.output.stream import Emission
from hob.engine.output.text import TextStream
from hob.engine.output.thoughts import read_thoughts


class ParsedOutput:
    """Reads an answer in its format. Stop strings are looked for in all that the model writes.

    `controls` are the marks that are control tokens, which it wants to see then; `is_control` tells
    which pieces of output are control tokens, and all others are left out.
    """

    def __init__(
        self,
        form: Format,
        ask: Ask,
        stops: Sequence[str] = (),
        *,
        most_calls: int | None = None,
        controls: tuple[str, ...] = (),
        is_control: Callable[[bytes], bool] = lambda _piece: False,
    ) -> None:
        self.special = bool(controls)
        self._controls = frozenset(mark.encode() for mark in controls)
        self._is_control = is_control
        self._text = TextStream(stops)
        self._reader = Reader()
        splits = bool(ask.tools) or (form.thoughts is not None and ask.separate)
        self._sink = Sink(form.new_id, splits=splits, most_calls=most_calls, hidden=controls)
        self._parsing: Parsing[None] | None = _parse(form, ask, self._reader, self._sink)
        self._step()

    @property
    def stopped(self) -> str:
        return self._text.stopped

    @property
    def thinking(self) -> bool:
        return self._sink.thinking

    @property
    def called(self) -> bool:
        return self._sink.called

    def push(self, piece: bytes) -> Emission:
        if self.special and piece not in self._controls and self._is_control(piece):
            return Emission()
        self._reader.feed(self._text.push(piece))
        if self.stopped:
            self._end()
        self._step()
        return self._sink.take()

    def flush(self) -> Emission:
        self._reader.feed(self._text.flush())
        self._end()
        return self._sink.take()

    def _end(self) -> None:
        self._reader.end()
        self._step()
        self._sink.end()

    def _step(self) -> None:
        if self._parsing and next(self._parsing, _DONE) is _DONE:
            self._parsing = None


_DONE = object()


def _parse(form: Format, ask: Ask, reader: Reader, sink: Sink) -> Parsing[None]:
    if form.thoughts and not form.channels:
        marks = form.thoughts
        yield from read_thoughts(reader, sink, marks, inside=ask.inside, separate=ask.separate)
    if ask.tools or form.channels:
        yield from form.read(reader, sink, ask)
    else:
        yield from read_text(reader, sink)
