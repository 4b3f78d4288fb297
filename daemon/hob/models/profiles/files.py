"""Which files of the folders are profiles, and the text of one, whatever it turns out to be."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from hob.errors import ProfileInvalid
from hob.models.disk import open_to_read
from hob.models.gguf.checks import clean

log = logging.getLogger(__name__)

MAX_FILES = 1_000
MAX_FILE_BYTES = 2**20
MAX_DEPTH = 16
MAX_VISITED = 100_000

_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


def kind_of(name: str) -> Literal["toml", "modelfile", ""]:
    """What a file of that name is read as; empty for what is no profile."""
    lowered = name.lower()
    if name.startswith("."):
        return ""
    if lowered.endswith(".toml"):
        return "toml"
    if lowered.endswith("~"):
        return ""
    if lowered == "modelfile" or lowered.startswith("modelfile.") or lowered.endswith(".modelfile"):
        return "modelfile"
    return ""


def find_profile_files(folders: Sequence[Path]) -> list[str]:
    """The paths under `folders` that are read as profiles, at most MAX_FILES of them."""
    found: dict[str, None] = {}
    walk = _Walk()
    for folder in folders:
        for path in walk.under(str(folder), 0):
            if len(found) == MAX_FILES:
                log.warning("over %d profiles; the rest is not read", MAX_FILES)
                return list(found)
            found[path] = None
    return list(found)


class _Walk:
    """Remembers which folders it has been in, since links may form rings."""

    def __init__(self) -> None:
        self._seen: set[tuple[int, int]] = set()
        self._left = MAX_VISITED

    def under(self, folder: str, depth: int) -> Iterator[str]:
        try:
            at = Path(folder).stat()
            if (at.st_dev, at.st_ino) in self._seen:
                return
            self._seen.add((at.st_dev, at.st_ino))
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError:
            # The folder of profiles need not be there, and what cannot be read of the models
            # folder is told by its own scan.
            return
        for entry in entries:
            self._left -= 1
            if self._left < 0:
                return
            if entry.name.startswith("."):
                continue
            if _is_folder(entry):
                if depth < MAX_DEPTH:
                    yield from self.under(entry.path, depth + 1)
            elif kind_of(entry.name):
                yield entry.path


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def read_text(path: str, what: str = "profile", *, any_encoding: bool = False) -> str:
    """The text of the file at `path`. `any_encoding` takes the byte order marks and the UTF-16
    that editors on Windows write, which TOML does not know.

    Raises ProfileInvalid.
    """
    try:
        raw = _read(path)
    except FileNotFoundError as error:
        if Path(path).is_symlink():
            raise ProfileInvalid(
                f"The {what} {clean(path)} is a link to a file that is not there.",
                hint="Put the file back, or remove the link.",
            ) from error
        raise ProfileInvalid(f"The {what} {clean(path)} is not there.") from error
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ProfileInvalid(
            f"The {what} {clean(path)} cannot be read: {why}.",
            hint="Make it a plain file that you can read.",
        ) from error
    if len(raw) > MAX_FILE_BYTES:
        raise ProfileInvalid(
            f"The {what} {clean(path)} is larger than 1 MiB, so it is not read.",
            hint="Give it another ending if it is no profile.",
        )
    text = _decode(path, raw, what, any_encoding=any_encoding)
    if not text.strip():
        raise ProfileInvalid(
            f"The {what} {clean(path)} is empty.",
            hint='A profile says at least: model = "NAME". `hob models profile new` writes one.',
        )
    return text


def _read(path: str) -> bytes:
    # Looked at before it is opened, since opening a device can do things.
    _require_plain(Path(path).stat().st_mode)
    fd = open_to_read(path)
    with open(fd, "rb") as file:  # noqa: PTH123 - a file descriptor
        _require_plain(os.fstat(fd).st_mode)
        return file.read(MAX_FILE_BYTES + 1)


def _require_plain(mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise OSError("it is not a plain file")


def _decode(path: str, raw: bytes, what: str, *, any_encoding: bool) -> str:
    if raw.startswith((_UTF8_MARK, *_UTF16_MARKS)):
        if not any_encoding:
            raise ProfileInvalid(
                f"The {what} {clean(path)} starts with a byte order mark.",
                hint="Save it as UTF-8 text without one.",
                file=path,
                line=1,
            )
        encoding = "utf-8-sig" if raw.startswith(_UTF8_MARK) else "utf-16"
    else:
        encoding = "utf-8"
    try:
        text = raw.decode(encoding)
        position = raw.find(b"\0") if encoding == "utf-8" else -1
    except UnicodeDecodeError as error:
        position = max(error.start, 0)
    if position < 0:
        return text
    line = raw.count(b"\n", 0, position) + 1
    raise ProfileInvalid(
        f"The {what} {clean(path)}, line {line}, holds bytes that are not UTF-8 text.",
        hint="Save it as UTF-8 text.",
        file=path,
        line=line,
    )
