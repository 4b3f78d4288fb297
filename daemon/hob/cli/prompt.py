"""Puts a question together from words, files and what is piped in."""

from __future__ import annotations

import os
import select
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from hob.errors import InvalidRequest

# Far more than any model reads, and little enough to hold.
_MOST_BYTES = 64 * 2**20
# Whoever pipes something in on purpose has mostly begun after this.
_PATIENCE_S = 2.0


@dataclass(frozen=True)
class Document:
    """A text that the question is about; `name` is empty for what was piped in."""

    name: str
    text: str


def compose(question: str, documents: Sequence[Document]) -> str:
    """The user's message: the documents first, then the question about them; empty when there is
    neither."""
    parts = [
        f"{document.name}:\n\n{document.text}" if document.name else document.text
        for document in documents
    ]
    return "\n\n".join(part for part in (*parts, question.strip()) if part.strip())


def read_file(path: Path) -> Document:
    """A file as a document. Raises InvalidRequest when it cannot be read or is not text."""
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise InvalidRequest(
            f"The file {path} cannot be read ({error.strerror}).",
            hint="Check its name and its permissions.",
            param="file",
        ) from error
    return Document(path.name, decode_text(data, f"The file {path}"))


def read_piped(*, optional: bool) -> list[Document]:
    """What is piped into this command; nothing when stdin is a terminal or empty.

    `optional`: there is something to ask without it, so that a stdin nobody writes to is not
    waited for in silence.
    """
    if sys.stdin.isatty() or (optional and not _is_fed(sys.stdin.fileno())):
        return []
    text = decode_text(sys.stdin.buffer.read(_MOST_BYTES + 1), "What was piped in")
    return [Document("", text)] if text.strip() else []


def _is_fed(fd: int) -> bool:
    """Whether stdin is to be read to its end. A pipe is, however late its first byte comes. A
    socket is mostly what an editor or a service hands down without a thought, and is left alone
    when nothing comes; data that comes at once, as from ssh, is read like a pipe's."""
    if sys.platform == "win32" or select.select([fd], [], [], _PATIENCE_S)[0]:
        return True
    if stat.S_ISSOCK(os.fstat(fd).st_mode):
        click.echo("hob: Nothing came in on stdin, so the question is asked without it.", err=True)
        return False
    click.echo("hob: Waiting for what is piped in; `< /dev/null` asks without it.", err=True)
    return True


def decode_text(data: bytes, what: str) -> str:
    """Bytes as text: UTF-8, or UTF-16 with its mark. Raises InvalidRequest for anything else, and
    for more than 64 MiB."""
    if len(data) > _MOST_BYTES:
        raise InvalidRequest(
            f"{what} is larger than {_MOST_BYTES // 2**20} MiB, more than any model can read.",
            hint="Give it the part that matters.",
        )
    encoding = "utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise InvalidRequest(
            f"{what} is not text: byte {error.start} is not {encoding[:6].upper()}.",
            hint="Convert it first, for example with `iconv -f latin1 -t utf-8`, "
            "or `pdftotext FILE -` for a PDF.",
        ) from error
    if "\0" in text:
        raise InvalidRequest(
            f"{what} is not text: it holds NUL bytes.", hint="Extract the text of it first."
        )
    return text
