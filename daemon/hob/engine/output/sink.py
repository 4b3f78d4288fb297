"""Where parsers put what they find: text, thoughts and tool calls, with the white space between
them that belongs to none."""

from __future__ import annotations

from collections.abc import Callable

from hob.engine.output.stream import Emission
from hob.wire.generate import CallDelta


class Sink:
    """Collects one answer. White space around thoughts and calls is part of the model's format,
    not of the answer, so it is held back until it is clear what follows.

    `new_id` names each call. Beyond `most_calls` calls are left out. `splits` False keeps all
    white space: the answer has text alone. `hidden` are marks that are control tokens, which are
    never text.
    """

    def __init__(
        self,
        new_id: Callable[[], str],
        *,
        splits: bool,
        most_calls: int | None = None,
        hidden: tuple[str, ...] = (),
    ) -> None:
        self.hidden = hidden
        self._new_id = new_id
        self._splits = splits
        self._most_calls = most_calls
        self._text = _Trimmed()
        self._thoughts = _Trimmed(from_start=True)
        self._calls: list[CallDelta] = []
        self._index = -1
        self.thinking = False

    @property
    def called(self) -> bool:
        return self._index >= 0

    def text(self, text: str) -> None:
        self._text.add(text, held=self._splits)

    def mark(self, mark: str) -> None:
        """A mark that has turned out to be text."""
        if mark not in self.hidden:
            self.text(mark)

    def think(self, text: str) -> None:
        self._thoughts.add(text)

    def thought(self) -> None:
        """The thoughts are over, and the text begins with its first word."""
        self.thinking = False
        self._text.from_start = True

    def call(self, name: str) -> None:
        """A tool call begins; `arguments` is what it gets."""
        self._text.end()
        self._index += 1
        self._delta(CallDelta(index=self._index, id=self._new_id(), name=name))

    def arguments(self, text: str) -> None:
        if text:
            self._delta(CallDelta(index=self._index, arguments=text))

    def _delta(self, delta: CallDelta) -> None:
        if self._most_calls is not None and delta.index >= self._most_calls:
            return
        last = self._calls[-1] if self._calls else None
        if last is None or last.index != delta.index:
            self._calls.append(delta)
        else:
            self._calls[-1] = CallDelta(
                index=last.index,
                id=last.id,
                name=last.name,
                arguments=last.arguments + delta.arguments,
            )

    def take(self) -> Emission:
        """What has come since the last time."""
        emission = Emission(self._text.take(), self._thoughts.take(), tuple(self._calls))
        self._calls.clear()
        return emission

    def end(self) -> None:
        """The answer is over: white space at its end is part of it only after text alone."""
        if not self.called:
            self._text.release()


class _Trimmed:
    """Text whose white space at the end waits for more; with `from_start` it begins with its first
    word."""

    def __init__(self, *, from_start: bool = False) -> None:
        self.from_start = from_start
        self._ready = ""
        self._space = ""
        self._begun = False

    def add(self, text: str, *, held: bool = True) -> None:
        if self.from_start and not self._begun:
            self._space = ""
            text = text.lstrip()
        text = self._space + text
        words = text.rstrip() if held else text
        self._space = text[len(words) :]
        self._ready += words
        self._begun = self._begun or bool(words)

    def end(self) -> None:
        """Something else begins here, and the white space before it is dropped."""
        self._space = ""
        self.from_start = True

    def release(self) -> None:
        self._ready += self._space
        self._space = ""

    def take(self) -> str:
        ready, self._ready = self._ready, ""
        return ready
