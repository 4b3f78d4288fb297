"""The kinds of value that a setting can have.

Every kind turns text (environment, flags, `hob config set`) into what TOML would hold
(`from_text`), and that into the checked value (`check`); both raise ValueError with the end of a
sentence, as in "... is not a whole number". `show` is the way back from a value to text.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hob.config.units import (
    DURATION_UNITS,
    SIZE_UNITS,
    format_duration,
    format_size,
    parse_duration,
    parse_size,
)

_TRUE = frozenset({"true", "on", "yes", "1"})
_FALSE = frozenset({"false", "off", "no", "0"})
_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class Kind(Protocol):
    @property
    def allowed(self) -> str:
        """What may be written, as the object of "Allowed: ..."."""

    def from_text(self, text: str) -> object:
        """`text` as TOML would hold it."""

    def check(self, native: object) -> object:
        """The value of what TOML holds."""

    def show(self, value: object) -> str:
        """`value` as a person would write it after `hob config set KEY`."""


@dataclass(frozen=True)
class Whole:
    """A whole number; `word`, when given, is a text that stands for None."""

    low: int
    high: int
    word: str = ""

    @property
    def allowed(self) -> str:
        numbers = f"a whole number from {self.low} to {self.high}"
        return f'"{self.word}" or {numbers}' if self.word else numbers

    def from_text(self, text: str) -> object:
        text = text.strip()
        if self.word and text == self.word:
            return text
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
            raise ValueError("is not a whole number")
        return int(text)

    def check(self, native: object) -> int | None:
        if self.word and native == self.word:
            return None
        if not isinstance(native, int) or isinstance(native, bool):
            raise ValueError("is not a whole number")
        if not self.low <= native <= self.high:
            raise ValueError("is out of range")
        return native

    def show(self, value: object) -> str:
        return self.word if value is None else str(value)


@dataclass(frozen=True)
class Switch:
    allowed: str = "true or false"

    def from_text(self, text: str) -> object:
        word = text.strip().lower()
        if word not in _TRUE | _FALSE:
            raise ValueError("is neither true nor false")
        return word in _TRUE

    def check(self, native: object) -> bool:
        if not isinstance(native, bool):
            raise ValueError("is neither true nor false")
        return native

    def show(self, value: object) -> str:
        return "true" if value else "false"


class _Textual:
    """What kinds whose values are strings in TOML have in common."""

    def from_text(self, text: str) -> object:
        return text

    def show(self, value: object) -> str:
        return str(value)


@dataclass(frozen=True)
class Choice(_Textual):
    words: tuple[str, ...]

    @property
    def allowed(self) -> str:
        return ", ".join(f'"{word}"' for word in self.words)

    def check(self, native: object) -> str:
        if not isinstance(native, str) or native not in self.words:
            raise ValueError("is not one of the words allowed")
        return native


@dataclass(frozen=True)
class Text(_Textual):
    longest: int

    @property
    def allowed(self) -> str:
        return f"text of at most {self.longest} characters"

    def check(self, native: object) -> str:
        text = _string(native)
        if len(text) > self.longest:
            raise ValueError("is too long")
        if _CONTROL.search(text):
            raise ValueError("contains control characters")
        return text


@dataclass(frozen=True)
class WebAddress(_Textual):
    """The address of a server, without a path's last slash."""

    allowed: str = "an address that begins with https:// (or http:// inside your own network)"

    def check(self, native: object) -> str:
        text = _string(native)
        if not re.fullmatch(r"https?://[A-Za-z0-9.\-_\[\]:]+(/[A-Za-z0-9._~/-]*)?", text):
            raise ValueError("is not the address of a server")
        return text.rstrip("/")


@dataclass(frozen=True)
class Folder(_Textual):
    """A folder's path, absolute or from `~`; None stands for the default place."""

    allowed: str = 'an absolute path, or one that starts with "~/"'

    def check(self, native: object) -> Path | None:
        text = _string(native)
        if not text:
            return None
        if "\0" in text:
            raise ValueError("contains a NUL character")
        try:
            path = Path(text).expanduser()
        except RuntimeError as error:
            raise ValueError("names a home folder that does not exist") from error
        if not path.is_absolute():
            raise ValueError("is not an absolute path")
        return path


@dataclass(frozen=True)
class Folders:
    """Several folders. On the command line and in the environment they are separated as in PATH,
    or written as a list in JSON."""

    most: int

    @property
    def allowed(self) -> str:
        return f'a list of up to {self.most} paths, absolute or from "~/"'

    def from_text(self, text: str) -> object:
        if not text.strip():
            return []
        if not text.lstrip().startswith("["):
            return [path for path in text.split(os.pathsep) if path]
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError("begins like a list but is none") from error

    def check(self, native: object) -> tuple[Path, ...]:
        if not isinstance(native, Sequence) or isinstance(native, str):
            raise ValueError("is not a list of paths")
        if len(native) > self.most:
            raise ValueError("has too many paths")
        paths = [Folder().check(path) for path in native]
        return tuple(dict.fromkeys(path for path in paths if path))

    def show(self, value: object) -> str:
        assert isinstance(value, tuple)
        texts = [str(path) for path in value]
        if any(os.pathsep in text or text.lstrip().startswith("[") for text in texts):
            return json.dumps(texts, ensure_ascii=False)
        return os.pathsep.join(texts)


@dataclass(frozen=True)
class Duration(_Textual):
    """Seconds; `never` allows the word, which stands for None."""

    low: float
    high: float
    never: bool = False

    @property
    def allowed(self) -> str:
        span = (
            f"{format_duration(self.low)} to {format_duration(self.high)}"
            f" with a unit ({', '.join(DURATION_UNITS)})"
        )
        return f'{span} or "never"' if self.never else span

    def check(self, native: object) -> float | None:
        if isinstance(native, int | float) and not isinstance(native, bool):
            raise ValueError('has no unit; write it like "10s"')
        text = _string(native)
        if self.never and text == "never":
            return None
        seconds = parse_duration(text)
        if not self.low <= seconds <= self.high:
            raise ValueError("is out of range")
        return seconds

    def show(self, value: object) -> str:
        return format_duration(value) if isinstance(value, float) else "never"


@dataclass(frozen=True)
class Size(_Textual):
    """Bytes."""

    low: int
    high: int

    @property
    def allowed(self) -> str:
        return (
            f"{format_size(self.low)} to {format_size(self.high)}"
            f" with a unit ({', '.join(SIZE_UNITS)})"
        )

    def check(self, native: object) -> int:
        if isinstance(native, int | float) and not isinstance(native, bool):
            raise ValueError('has no unit; write it like "10MiB"')
        size = parse_size(_string(native))
        if not self.low <= size <= self.high:
            raise ValueError("is out of range")
        return size

    def show(self, value: object) -> str:
        assert isinstance(value, int)
        return format_size(value)


@dataclass(frozen=True)
class HostNames:
    """Host names, in lower case and without ports; as text they are separated by commas."""

    allowed: str = 'a list of host names without ports or wildcards, such as ["my-laptop.local"]'

    def from_text(self, text: str) -> object:
        return [name.strip() for name in text.split(",")] if text.strip() else []

    def check(self, native: object) -> tuple[str, ...]:
        if not isinstance(native, Sequence) or isinstance(native, str):
            raise ValueError("is not a list of host names")
        return tuple(_host_name(name) for name in native)

    def show(self, value: object) -> str:
        assert isinstance(value, tuple)
        return ", ".join(value)


@dataclass(frozen=True)
class Shares(_Textual):
    """Numbers that say how something is divided, in text with commas between them."""

    most: int

    @property
    def allowed(self) -> str:
        return f'up to {self.most} numbers with commas between them, such as "3,1"'

    def check(self, native: object) -> tuple[float, ...]:
        text = _string(native).strip()
        shares = tuple(_share(part.strip()) for part in text.split(",")) if text else ()
        if len(shares) > self.most:
            raise ValueError("has too many numbers")
        if shares and not any(shares):
            raise ValueError("leaves nothing to anyone")
        return shares

    def show(self, value: object) -> str:
        assert isinstance(value, tuple)
        return ",".join(f"{share:g}" for share in value)


@dataclass(frozen=True)
class Texts:
    """Several texts. On the command line and in the environment one text stands for itself, and
    several are written as a list in JSON."""

    most: int
    longest: int

    @property
    def allowed(self) -> str:
        return f"a list of up to {self.most} texts of at most {self.longest} characters"

    def from_text(self, text: str) -> object:
        if not text.strip():
            return []
        if not text.lstrip().startswith("["):
            return [text]
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError("begins like a list but is none") from error

    def check(self, native: object) -> tuple[str, ...]:
        if not isinstance(native, Sequence) or isinstance(native, str):
            raise ValueError("is not a list of texts")
        if len(native) > self.most:
            raise ValueError("has too many texts")
        kind = Text(self.longest)
        return tuple(kind.check(text) for text in native)

    def show(self, value: object) -> str:
        assert isinstance(value, tuple)
        if len(value) == 1 and value[0].strip() and not value[0].lstrip().startswith("["):
            return str(value[0])
        return json.dumps(value, ensure_ascii=False) if value else ""


def _share(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", text):
        raise ValueError(f"contains {text[:20]!r}, which is not a number from 0 up")
    return float(text)


def _string(native: object) -> str:
    if not isinstance(native, str):
        raise ValueError("is not text in quotes")
    try:
        native.encode()
    except UnicodeEncodeError as error:
        raise ValueError("is not UTF-8 text") from error
    return native


def _host_name(native: object) -> str:
    name = _string(native)
    if "*" in name or name in {"0.0.0.0", "::", "[::]"}:  # noqa: S104 - refused here
        raise ValueError("contains a wildcard, which would let any web page in")
    if not _HOST_NAME.fullmatch(name) or ".." in name:
        raise ValueError(f"contains {name!r}, which is not a host name")
    return name.lower()
