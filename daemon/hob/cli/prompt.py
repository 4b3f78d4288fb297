"""Puts a question together from words, files and what is piped in."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hob.errors import InvalidRequest


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
        data = path.read_bytes()
    except OSError as error:
        raise InvalidRequest(
            f"The file {path} cannot be read ({error.strerror}).",
            hint="Check its name and its permissions.",
            param="file",
        ) from error
    return Document(path.name, decode_text(data, f"The file {path}"))


def read_piped() -> list[Document]:
    """What is piped into this command; nothing when stdin is a terminal, closed or empty."""
    if sys.stdin is None or sys.stdin.isatty():
        return []
    text = decode_text(sys.stdin.buffer.read(), "What was piped in")
    return [Document("", text)] if text.strip() else []


def decode_text(data: bytes, what: str) -> str:
    """Bytes as text: UTF-8, or UTF-16 with its mark. Raises InvalidRequest for anything else."""
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
