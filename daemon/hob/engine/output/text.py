"""From pieces of bytes to text that may be shown: whole characters, nothing of a stop string."""

from __future__ import annotations

import codecs
from collections.abc import Sequence


class TextStream:
    """The text of one answer as it grows. What `push` and `flush` return, joined, is the answer.

    Bytes of an unfinished character wait for the rest; bytes that are no UTF-8 become U+FFFD.
    Text that may be the beginning of a stop string waits until it is clear. After a stop string
    is complete, `stopped` holds it and nothing more comes out.
    """

    def __init__(self, stops: Sequence[str] = ()) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._matchers = [_Matcher(stop) for stop in stops]
        self._held = ""
        self.stopped = ""

    def push(self, piece: bytes) -> str:
        """The text that is certain after these bytes."""
        return self._advance(self._decoder.decode(piece))

    def flush(self) -> str:
        """What was held back, at the end of an answer that no stop string has ended."""
        text = self._advance(self._decoder.decode(b"", final=True))
        held, self._held = self._held, ""
        return text + held

    def _advance(self, new: str) -> str:
        if self.stopped:
            return ""
        if not self._matchers:
            return new
        text = self._held + new
        for index, char in enumerate(new, start=len(self._held)):
            found = [matcher.stop for matcher in self._matchers if matcher.feed(char)]
            if found:
                self.stopped = max(found, key=len)
                self._held = ""
                return text[: index + 1 - len(self.stopped)]
        keep = len(text) - max(matcher.matched for matcher in self._matchers)
        self._held = text[keep:]
        return text[:keep]


class _Matcher:
    """Finds one string in a stream of characters (Knuth, Morris and Pratt)."""

    def __init__(self, stop: str) -> None:
        self.stop = stop
        self.matched = 0
        self._fallback = _fallbacks(stop)

    def feed(self, char: str) -> bool:
        """True when `char` completes the string."""
        while self.matched and self.stop[self.matched] != char:
            self.matched = self._fallback[self.matched - 1]
        if self.stop[self.matched] == char:
            self.matched += 1
        return self.matched == len(self.stop)


def _fallbacks(stop: str) -> list[int]:
    """For each position, the length of the longest beginning of `stop` that also ends there."""
    table = [0] * len(stop)
    length = 0
    for index in range(1, len(stop)):
        while length and stop[index] != stop[length]:
            length = table[length - 1]
        if stop[index] == stop[length]:
            length += 1
        table[index] = length
    return table
