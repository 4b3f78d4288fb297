"""Reading the JSON that models write: one value at a time, as its text.

It is read leniently, since models err: what counts is where a value ends. A value is never decoded
as a whole, so that its text can go out while it grows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from hob.engine.output.reader import Parsing, Reader

_STRUCTURE = re.compile(r'["{}\[\]<`]')
_IN_STRING = re.compile(r'["\\]')
_MOST_SCALAR = 64
_SCALAR_END = re.compile(r"[,\]}\s<`]")


class _Scan:
    """Finds the end of an object, array or string. `<` and backquotes, outside of strings, are no
    JSON: there the model has left off."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._escaped = False
        self.done = False
        self.broken = False

    def feed(self, text: str) -> int:
        """How much of `text` belongs to the value."""
        at = 0
        while at < len(text) and not (self.done or self.broken):
            at = self._string(text, at) if self._in_string else self._structure(text, at)
        return at

    def _string(self, text: str, at: int) -> int:
        if self._escaped:
            self._escaped = False
            return at + 1
        found = _IN_STRING.search(text, at)
        if not found:
            return len(text)
        if found[0] == "\\":
            self._escaped = True
        else:
            self._in_string = False
            self.done = self._depth == 0
        return found.end()

    def _structure(self, text: str, at: int) -> int:
        found = _STRUCTURE.search(text, at)
        if not found:
            return len(text)
        match found[0]:
            case '"':
                self._in_string = True
            case "{" | "[":
                self._depth += 1
            case "}" | "]":
                self._depth -= 1
                self.done = self._depth <= 0
            case _:
                self.broken = True
                return found.start()
        return found.end()


def stream_value(reader: Reader, out: Callable[[str], object]) -> Parsing[bool]:
    """Give `out` the object, array or string that begins here, as it grows; True when it is
    complete."""
    scan = _Scan()
    while True:
        out(reader.take(scan.feed(reader.within_hold())))
        if scan.done or scan.broken or reader.full():
            return scan.done
        if not (yield from reader.more()):
            return False


def read_value(reader: Reader) -> Parsing[str | None]:
    """The text of the value that begins here; None when it is none or does not end."""
    parts: list[str] = []
    if (yield from reader.peek(1)) in ("{", "[", '"'):
        complete = yield from stream_value(reader, parts.append)
        return "".join(parts) if complete else None
    while True:
        ahead = reader.ahead()[:_MOST_SCALAR]
        if found := _SCALAR_END.search(ahead):
            return reader.take(found.start()) or None
        if len(ahead) == _MOST_SCALAR or not (yield from reader.more()):
            return None


def read_string(reader: Reader) -> Parsing[str | None]:
    """The string that begins here, decoded; None when there is none."""
    if (yield from reader.peek(1)) != '"':
        return None
    value = decoded((yield from read_value(reader)))
    return value if isinstance(value, str) else None


def decoded(text: str | None) -> object:
    """The value of a JSON text; None when it is none."""
    try:
        if text is None:
            return None
        value: object = json.loads(text, strict=False, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None
    return value


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is no JSON")
