"""Cuts a growing Markdown text into blocks that are rendered once, when they are complete. Pure.

Only the last block is rendered again while it grows, so that the work does not grow with the
answer. A code block is a block of its own wherever it stands, also inside a list.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# A block without an end is cut here, so that rendering it again and again stays cheap.
MAX_BLOCK_CHARS = 2_500
# A table that is cut is none from there on.
MAX_TABLE_CHARS = 16_000
MAX_CODE_LINE_CHARS = 2_000

_FENCE = re.compile(r"^([ \t]*)(?:[-*+>][ \t]+|\d{1,9}[.)][ \t]+)?(`{3,}|~{3,})(.*)$")
_LANGUAGE = re.compile(r"[\w+#.-]{1,30}")


@dataclass(frozen=True)
class Prose:
    """Markdown without code blocks."""

    text: str


@dataclass(frozen=True)
class Code:
    """A code block; `text` has no line break at its end."""

    language: str
    text: str


Block = Prose | Code


class Blocks:
    """A Markdown text as it grows: `feed` returns what is complete, `rest` what is not."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._chars = 0
        self._partial = ""
        self._fence: _Fence | None = None
        self._after_blank = False
        self._mid_line = False

    @property
    def rest(self) -> Block | None:
        """The block that still grows."""
        if self._fence is not None:
            # What could become the end of the block is not code.
            growing = "" if self._may_end(self._fence) else self._fence.inside(self._partial)
            return self._code(self._fence, growing)
        text = "".join(self._lines) + self._partial
        return Prose(text) if text.strip() else None

    def feed(self, text: str) -> list[Block]:
        """The blocks that `text` completes."""
        *lines, self._partial = (self._partial + text).split("\n")
        done: list[Block] = []
        for line in lines:
            done += self._line(line)
        done += self._cut_partial()
        return done

    def finish(self) -> list[Block]:
        """The text is over: what is left."""
        done = self._line(self._partial) if self._partial else []
        self._partial = ""
        if self._fence is not None:
            done += [self._code(self._fence)]
            self._fence = None
        elif any(line.strip() for line in self._lines):
            done += [Prose("".join(self._lines))]
        self._clear()
        return done

    def _line(self, line: str) -> list[Block]:
        if self._fence is not None:
            return self._code_line(line, self._fence)
        if (found := _FENCE.match(line)) and "`" not in found[3]:
            return self._open_fence(found)
        done = self._settle() if self._begins_block(line) else []
        self._lines.append(line + "\n")
        self._chars += len(line) + 1
        self._after_blank = not line.strip() and len(self._lines) > 1
        table = self._lines[0].lstrip().startswith("|")
        if self._chars > (MAX_TABLE_CHARS if table else MAX_BLOCK_CHARS):
            done += self._settle()
        return done

    def _begins_block(self, line: str) -> bool:
        """After a blank line, what stands at the margin belongs to nothing above it."""
        return self._after_blank and bool(line.strip()) and not line[0].isspace()

    def _open_fence(self, found: re.Match[str]) -> list[Block]:
        before = found[0][: found.start(2)]
        if before.strip():
            # The mark of a list item or a quotation, which stays as prose.
            self._lines.append(before + "\n")
        done = self._settle()
        language = _LANGUAGE.search(found[3])
        self._fence = _Fence(found[2], len(before), language[0] if language else "")
        return done

    def _code_line(self, line: str, fence: _Fence) -> list[Block]:
        if fence.ends(line) and not self._mid_line:
            block = self._code(fence)
            self._fence = None
            self._clear()
            return [block]
        self._lines.append((line if self._mid_line else fence.inside(line)) + "\n")
        self._mid_line = False
        return []

    def _may_end(self, fence: _Fence) -> bool:
        mark = self._partial.strip()
        return not self._mid_line and bool(mark) and not mark.strip(fence.mark[0])

    def _code(self, fence: _Fence, growing: str = "") -> Code:
        return Code(fence.language, ("".join(self._lines) + growing).removesuffix("\n"))

    def _cut_partial(self) -> list[Block]:
        """A line without an end is not waited for."""
        if len(self._partial) <= MAX_BLOCK_CHARS:
            return []
        if self._fence is not None:
            # Kept apart, so that adding to it does not copy all of it each time.
            self._lines.append(self._partial)
            self._partial = ""
            self._mid_line = True
            return []
        done: list[Block] = []
        text = "".join(self._lines) + self._partial
        while len(text) > MAX_BLOCK_CHARS:
            end = text.rfind(" ", MAX_BLOCK_CHARS // 2, MAX_BLOCK_CHARS) + 1 or MAX_BLOCK_CHARS
            done.append(Prose(text[:end]))
            text = text[end:]
        self._clear()
        self._partial = text
        return done

    def _settle(self) -> list[Block]:
        text = "".join(self._lines)
        self._clear()
        return [Prose(text)] if text.strip() else []

    def _clear(self) -> None:
        self._lines.clear()
        self._chars = 0
        self._after_blank = False
        self._mid_line = False


@dataclass(frozen=True)
class _Fence:
    mark: str
    indent: int
    language: str

    def ends(self, line: str) -> bool:
        inner = line.strip()
        return inner.startswith(self.mark) and not inner.strip(self.mark[0])

    def inside(self, line: str) -> str:
        """A line of the block without the indentation that the block itself has."""
        blank = len(line) - len(line.lstrip(" \t"))
        return line[min(blank, self.indent) :]


def blocks_of(text: str) -> list[Block]:
    """A whole text."""
    blocks = Blocks()
    return [*blocks.feed(text), *blocks.finish()]


def display_lines(text: str) -> str:
    """Code with its longest lines broken, since laying out one line of a megabyte takes seconds."""
    if len(text) <= MAX_CODE_LINE_CHARS:
        return text
    most = MAX_CODE_LINE_CHARS
    return "\n".join(
        line[start : start + most]
        for line in text.split("\n")
        for start in range(0, max(len(line), 1), most)
    )
