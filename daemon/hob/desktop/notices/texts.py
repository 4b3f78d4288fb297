"""What a notice says, made fit for its server; no I/O here. Titles and texts come from models."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass

Post = Callable[[Callable[[], None]], None]
Copy = Callable[[str], None]
Balloon = Callable[[str, str], None]

MAX_TITLE_CHARS = 120
# About what a notice can show; the whole text is behind its buttons.
MAX_TEXT_CHARS = 600
MAX_TEXT_LINES = 12
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class Notice:
    """`copy` is what a Copy button copies, `open` what an Open button does."""

    title: str
    text: str = ""
    copy: str = ""
    open: Callable[[], None] | None = None


def fitted(title: str, text: str) -> tuple[str, str]:
    """Title and text without control characters and of bounded length."""
    title = " ".join(_plain(title[: MAX_TITLE_CHARS * 4]).split())
    return _cut(title, MAX_TITLE_CHARS) or "Hob", _few_lines(_plain(text[: MAX_TEXT_CHARS * 8]))


def body(text: str, capabilities: frozenset[str]) -> str:
    """The text as the server's body: escaped where it would read markup."""
    return html.escape(text, quote=False) if "body-markup" in capabilities else text


def buttons(notice: Notice, capabilities: frozenset[str]) -> list[str]:
    """Keys and labels in turn, as Notify takes them; "default" is a click on the notice."""
    if "actions" not in capabilities:
        return []
    listed: list[str] = []
    if notice.open is not None:
        listed += ["default", "Open", "open", "Open"]
    if notice.copy:
        listed += ["copy", "Copy"]
    return listed


def _plain(text: str) -> str:
    cleaned = _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return cleaned.encode("utf-8", "replace").decode()


def _few_lines(text: str) -> str:
    lines = text.strip().split("\n")
    few = "\n".join(lines[:MAX_TEXT_LINES])
    if len(lines) > MAX_TEXT_LINES:
        few += "…"
    return _cut(few, MAX_TEXT_CHARS)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip()}…"
