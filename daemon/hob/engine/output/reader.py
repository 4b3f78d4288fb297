"""Reading text that arrives in pieces, by parsers that are written as if it were all there.

A parser is a generator: it yields when it needs more text. Where the pieces are cut makes no
difference to what it finds.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import TypeVar

T = TypeVar("T")
Parsing = Generator[None, None, T]

# How far a parser may look ahead before it has to decide. The text up to there is not shown.
MAX_HELD = 8_192


class Reader:
    """The text that is not read yet. One parser reads it; `feed` and `end` move the parser on."""

    def __init__(self) -> None:
        self._text = ""
        self._at = 0
        self._holds: list[int] = []
        self._ended = False

    def feed(self, text: str) -> None:
        start = self._holds[0] if self._holds else self._at
        if start:
            self._text = self._text[start:]
            self._at -= start
            self._holds = [place - start for place in self._holds]
        self._text += text

    def end(self) -> None:
        """No more text comes."""
        self._ended = True

    # What a parser does

    def more(self) -> Parsing[bool]:
        """Wait for more text; False when there is none to come."""
        if self._ended:
            return False
        yield
        return True

    def ahead(self) -> str:
        """The text that has come and is not read."""
        return self._text[self._at :]

    def take(self, count: int) -> str:
        text = self._text[self._at : self._at + count]
        self._at += len(text)
        return text

    def unread(self, text: str) -> None:
        """Put back what was read last, before anything else is read."""
        self._at -= len(text)

    def hold(self) -> None:
        """Remember this place, for `back`."""
        self._holds.append(self._at)

    def back(self) -> None:
        """Return to the place of the last `hold`."""
        self._at = self._holds.pop()

    def release(self) -> None:
        """There will be no `back` to any place up to here."""
        self._holds.clear()

    def within_hold(self) -> str:
        """The text ahead; while a `back` may still come, no more of it than may be held."""
        if not self._holds:
            return self.ahead()
        return self._text[self._at : max(self._at, self._holds[0] + MAX_HELD)]

    def full(self) -> bool:
        """Nothing more may be held."""
        return bool(self._holds) and self._at >= self._holds[0] + MAX_HELD

    def peek(self, count: int) -> Parsing[str]:
        """The next `count` characters, or fewer at the end."""
        while len(self._text) - self._at < count and (yield from self.more()):
            pass
        return self._text[self._at : self._at + count]

    def skip_space(self) -> Parsing[str]:
        """Skip white space and return the character behind it, or nothing at the end."""
        while True:
            ahead = self.ahead()
            rest = ahead.lstrip()
            self._at += len(ahead) - len(rest)
            if rest:
                return rest[0]
            if not (yield from self.more()):
                return ""

    def accept(self, text: str) -> Parsing[bool]:
        """Read `text` if that is what comes next."""
        for length in range(1, len(text) + 1):
            if (yield from self.peek(length)) != text[:length]:
                return False
        self._at += len(text)
        return True

    def accept_any(self, texts: Sequence[str]) -> Parsing[str]:
        """Read the first of `texts` that comes next; nothing when none does."""
        for text in texts:
            if (yield from self.accept(text)):
                return text
        return ""

    def until(self, marks: Sequence[str], out: Callable[[str], object]) -> Parsing[str]:
        """Give `out` the text up to the first of `marks`, read that and return it; all the text,
        and nothing returned, when none comes. Of two at one place the longest counts."""
        while True:
            ahead = self.ahead()
            place, mark = _first(ahead, marks)
            certain = place if mark else len(ahead)
            waiting = min(certain, len(ahead) - _unfinished(ahead, marks))
            if mark and waiting >= place and not _may_grow(ahead[place:], mark, marks):
                out(self.take(place))
                self.take(len(mark))
                return mark
            if waiting:
                out(self.take(waiting))
            if not (yield from self.more()):
                return (yield from self._last(marks, out))

    def _last(self, marks: Sequence[str], out: Callable[[str], object]) -> Parsing[str]:
        """As `until`, when no more text comes."""
        yield from ()
        ahead = self.ahead()
        place, mark = _first(ahead, marks)
        out(self.take(place if mark else len(ahead)))
        self.take(len(mark))
        return mark


def _first(text: str, marks: Sequence[str]) -> tuple[int, str]:
    """Where the first mark is, and which; the longest of several at one place."""
    found = [(place, -len(mark), mark) for mark in marks if (place := text.find(mark)) >= 0]
    return (min(found)[0], min(found)[2]) if found else (len(text), "")


def _unfinished(text: str, marks: Sequence[str]) -> int:
    """The length of the longest end of `text` that may be the beginning of a mark."""
    longest = 0
    for mark in marks:
        for length in range(min(len(mark) - 1, len(text)), longest, -1):
            if text.endswith(mark[:length]):
                longest = length
                break
    return longest


def _may_grow(text: str, mark: str, marks: Sequence[str]) -> bool:
    """Whether more text could turn the mark at the beginning of `text` into a longer one."""
    return any(
        len(other) > len(mark) and len(text) < len(other) and other.startswith(text)
        for other in marks
    )
