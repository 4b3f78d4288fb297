"""Makes text from a model or a file name safe to show, on a terminal above all.

A terminal obeys what it is sent: escape sequences can set its title, write the clipboard (OSC 52),
move the cursor over what stands there, or make it answer as if the user had typed. Text from a
stranger therefore loses every control character but newline and tab, whole escape sequences with
their arguments, and the characters that turn the direction of writing around.
"""

from __future__ import annotations

import re
from enum import Enum, auto

_ESC = "\x1b"
_BELL = "\x07"
_STRING_TERMINATOR = "\x9c"
_CSI = "\x9b"
# DCS, SOS, OSC, PM and APC, as the byte after ESC and as one C1 character.
_STRING_AFTER_ESC = frozenset("PX]^_")
_STRING_C1 = frozenset("\x90\x98\x9d\x9e\x9f")

# C0 without tab and newline, DEL, C1, and surrogates, which no terminal can be sent.
_CONTROLS = "\x00-\x08\x0b-\x1f\x7f-\x9f"
# Embeddings, overrides and isolates (Unicode Bidirectional Algorithm, UAX 9), the line and
# paragraph separators, and the interlinear annotation marks.
_FORMATS = "\u2028\u2029\u202a-\u202e\u2066-\u2069\ufff9-\ufffb"
_SUSPECT = re.compile(f"[{_CONTROLS}{_FORMATS}\ud800-\udfff]")
_UNSAFE = re.compile(f"[{_CONTROLS}{_FORMATS}]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_SPACES = re.compile(r"\s+")


class _State(Enum):
    TEXT = auto()
    ESCAPE = auto()
    ESCAPE_INTERMEDIATE = auto()
    CSI = auto()
    STRING = auto()
    STRING_ESCAPE = auto()


class TerminalFilter:
    """Filters a stream of pieces; a sequence may be split over any of them.

    A newline ends every sequence, so that an unfinished one never costs more than its line.
    """

    def __init__(self) -> None:
        self._state = _State.TEXT

    def feed(self, piece: str) -> str:
        """What of `piece` may be shown."""
        if self._state is _State.TEXT and not _SUSPECT.search(piece):
            return piece
        return "".join(self._step(char) for char in piece)

    def _step(self, char: str) -> str:
        if char == "\n":
            self._state = _State.TEXT
            return char
        match self._state:
            case _State.TEXT:
                return self._in_text(char)
            case _State.ESCAPE:
                return self._after_escape(char)
            case _State.ESCAPE_INTERMEDIATE:
                return self._until_final(char, intermediates=True)
            case _State.CSI:
                return self._until_final(char, intermediates=False)
            case _State.STRING:
                if char in {_BELL, _STRING_TERMINATOR}:
                    self._state = _State.TEXT
                elif char == _ESC:
                    self._state = _State.STRING_ESCAPE
                return ""
            case _State.STRING_ESCAPE:
                # ESC ends the string: ESC \\ as its terminator, any other as a new sequence.
                if char == "\\":
                    self._state = _State.TEXT
                    return ""
                return self._after_escape(char)

    def _in_text(self, char: str) -> str:
        if char == _ESC:
            self._state = _State.ESCAPE
        elif char == _CSI:
            self._state = _State.CSI
        elif char in _STRING_C1:
            self._state = _State.STRING
        elif _SURROGATE.match(char):
            return "\ufffd"
        elif not _UNSAFE.match(char):
            return char
        elif char in "\u2028\u2029":
            return "\n"
        return ""

    def _after_escape(self, char: str) -> str:
        if char == "[":
            self._state = _State.CSI
        elif char in _STRING_AFTER_ESC:
            self._state = _State.STRING
        elif " " <= char <= "/":
            self._state = _State.ESCAPE_INTERMEDIATE
        elif char == _ESC:
            self._state = _State.ESCAPE
        else:
            self._state = _State.TEXT
            # ESC and one of 0 to ~ is a whole sequence; before anything else it stood alone.
            return "" if "0" <= char <= "~" else self._in_text(char)
        return ""

    def _until_final(self, char: str, *, intermediates: bool) -> str:
        """Swallow up to the final character; what cannot be in a sequence has ended it."""
        first_final = "0" if intermediates else "@"
        if first_final <= char <= "~":
            self._state = _State.TEXT
        elif not " " <= char <= "?":
            self._state = _State.TEXT
            return self._in_text(char)
        return ""


def clean(text: str) -> str:
    """A whole text, made safe."""
    return TerminalFilter().feed(text)


def one_line(text: str) -> str:
    """A name or a title, made safe and put on one line."""
    return _SPACES.sub(" ", clean(text)).strip()
