"""Reading config.toml: who may have written it, is it TOML, and on which line is what."""

from __future__ import annotations

import os
import re
import stat
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from hob.errors import ConfigError, Detail

_LARGEST_FILE = 2**20

_TRIPLE_QUOTE = re.compile(r'"""|\'\'\'')


@dataclass(frozen=True)
class ConfigText:
    """A config file's text, what it says, and the line of each key and section."""

    path: Path
    text: str = ""
    data: dict[str, object] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)


def read_config(path: Path) -> ConfigText:
    """The settings in the file at `path`; an absent one sets nothing.

    Raises ConfigError when it is not the user's own, not text or not TOML.
    """
    return parse_config(path, read_text(path))


def read_text(path: Path) -> str:
    """The text of the file at `path`, TOML or not; empty when there is none.

    Raises ConfigError when it is not the user's own or not text.
    """
    try:
        return _decode(path, _read_own(path))
    except FileNotFoundError:
        if path.is_symlink():
            raise ConfigError(
                f"The settings file {path} is a symbolic link to a file that does not exist.",
                hint=f"Restore {path.readlink()} or remove the link.",
                file=str(path),
            ) from None
        return ""
    except OSError as error:
        raise ConfigError(
            f"The settings file {path} cannot be read: {error.strerror or error}.",
            hint="Make it a plain file that you can read.",
            file=str(path),
        ) from error


def parse_config(path: Path, text: str) -> ConfigText:
    """The settings in `text`; `path` is what errors call it. Raises ConfigError."""
    lines, repeated = _scan(text)
    try:
        return ConfigText(path, text, tomllib.loads(text), lines)
    except (ValueError, RecursionError) as error:
        # ValueError is TOMLDecodeError and what Python says of a number with thousands of digits.
        for key, line in repeated.items():
            raise ConfigError(
                f"{path} sets {key} twice, on lines {lines[key]} and {line}.",
                hint="Keep one of them.",
                param=key,
                file=str(path),
                line=line,
            ) from error
        raise ConfigError(
            f"{path} is not valid TOML: {error}.",
            hint="Correct that line, or move the file away to start from the defaults.",
            param="",
            file=str(path),
            **_error_line(text),
        ) from error


def unsafe_reason(mode: int, owner: int, uid: int) -> str:
    """Why a file of these bits and owner must not configure the daemon of `uid`; empty if it may.

    Root is trusted, since it could do anything anyhow, and declarative systems link to its files.
    """
    if owner not in {uid, 0}:
        return "belongs to another user"
    if mode & stat.S_IWOTH:
        return "can be changed by every user of this machine"
    return ""


def _read_own(path: Path) -> bytes:
    # Not blocking, so that a FIFO in its place cannot hang the start.
    fd = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with open(fd, "rb") as file:  # noqa: PTH123 - a file descriptor
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode):
            raise OSError("it is not a plain file")
        if sys.platform != "win32" and (
            reason := unsafe_reason(info.st_mode, info.st_uid, os.getuid())
        ):
            raise ConfigError(
                f"The settings file {path} {reason}, so its settings cannot be trusted.",
                hint=f"Check what it says, then run: chown $(id -u) '{path}' && chmod 600 '{path}'",
                file=str(path),
            )
        raw = file.read(_LARGEST_FILE + 1)
    if len(raw) > _LARGEST_FILE:
        raise OSError(f"it is larger than {_LARGEST_FILE} bytes")
    return raw


def _decode(path: Path, raw: bytes) -> str:
    hint = "Save it as UTF-8 text without a byte order mark."
    if raw.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise ConfigError(
            f"The settings file {path} starts with a byte order mark.",
            hint=hint,
            file=str(path),
            line=1,
        )
    try:
        text = raw.decode()
        position = raw.find(b"\0")
    except UnicodeDecodeError as error:
        position = error.start
    if position >= 0:
        line = raw.count(b"\n", 0, position) + 1
        raise ConfigError(
            f"{path}, line {line}, holds bytes that are not UTF-8 text.",
            hint=hint,
            file=str(path),
            line=line,
        )
    return text


def _scan(text: str) -> tuple[dict[str, int], dict[str, int]]:
    """The first line of each key and section, and of those written twice the second one.

    It knows lines, not TOML; what it finds is only used to point people to the right place.
    """
    first: dict[str, int] = {}
    second: dict[str, int] = {}
    section = ""
    in_string = False
    for number, line in enumerate(text.split("\n"), start=1):
        name = "" if in_string else _named_on(line, section)
        if name and line.lstrip().startswith("["):
            section = name
        if name:
            (second if name in first else first).setdefault(name, number)
        in_string ^= len(_TRIPLE_QUOTE.findall(line)) % 2 == 1
    return first, second


def _named_on(line: str, section: str) -> str:
    """The section that `line` begins, or the key of `section` that it sets; empty if neither."""
    line = line.partition("#")[0].strip()
    if line.startswith("["):
        return _plain(line.strip("[]"))
    name, equals, _ = line.partition("=")
    return ".".join(filter(None, (section, _plain(name)))) if equals else ""


def _plain(key: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in key.split("."))


def _error_line(text: str) -> dict[str, Detail]:
    """The line of the syntax error in `text`: tomllib tells it only in prose."""
    import tomlkit
    from tomlkit.exceptions import ParseError, TOMLKitError

    try:
        tomlkit.parse(text)
    except ParseError as error:
        return {"line": error.line}
    except (TOMLKitError, ValueError, RecursionError):
        return {}
    return {}
