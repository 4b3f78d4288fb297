"""Thoughts that stand before an answer, between two marks."""

from __future__ import annotations

from dataclasses import dataclass

from hob.engine.output.reader import Parsing, Reader
from hob.engine.output.sink import Sink


@dataclass(frozen=True, slots=True)
class ThoughtMarks:
    """`open` and `close` as the model writes them; `closing` is what ends its thoughts for it.

    `closing_to_call` does so where a tool call may follow, when that is something else. `then`
    stands between `close` and a tool call, and the answer's text begins behind `answer`.
    `by_default` False: the model thinks only when it is asked to.
    """

    open: str
    close: str
    closing: str
    answer: str
    then: str = ""
    closing_to_call: str = ""
    by_default: bool = True

    @classmethod
    def between(cls, open_: str, close: str) -> ThoughtMarks:
        return cls(open_, close, closing=f"\n{close}\n\n", answer=close)


# What models put around their thoughts; a template that names the closing mark has such a model.
MARKS = (
    ThoughtMarks.between("<think>", "</think>"),
    ThoughtMarks.between("[THINK]", "[/THINK]"),
    ThoughtMarks.between("<seed:think>", "</seed:think>"),
    ThoughtMarks.between("<|START_THINKING|>", "<|END_THINKING|>"),
    ThoughtMarks.between("<|channel>thought", "<channel|>"),
)


def find_marks(template: str) -> ThoughtMarks | None:
    """The marks of the model with this chat template."""
    return next((marks for marks in MARKS if marks.close in template), None)


def read_thoughts(
    reader: Reader, sink: Sink, marks: ThoughtMarks, *, inside: bool, separate: bool
) -> Parsing[None]:
    """What the model thinks before it answers; `inside` when the prompt has opened the thoughts.

    `separate` False leaves them, with their marks, in the text.
    """
    out = sink.think if separate else sink.text
    sink.thinking = inside
    opened = yield from _opening(reader, sink, marks)
    if not (inside or opened):
        return
    sink.thinking = True
    if opened and not separate:
        sink.mark(opened)
    close = yield from reader.until((marks.close,), out)
    if separate:
        sink.thought()
    else:
        sink.thinking = False
        sink.mark(close)


def _opening(reader: Reader, sink: Sink, marks: ThoughtMarks) -> Parsing[str]:
    """The opening mark, if the answer begins with it."""
    reader.hold()
    yield from reader.skip_space()
    if (yield from reader.accept(marks.open)):
        reader.release()
        return marks.open
    reader.back()
    return ""
