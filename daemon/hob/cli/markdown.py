"""Shows an answer as Markdown while it comes.

Blocks that are complete are printed once and scroll away as all output does. Only the last,
unfinished block is drawn over itself, and never more of it than fits on the screen, since what has
left the screen cannot be drawn over.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

from rich.console import Console, ConsoleOptions
from rich.live import Live
from rich.markdown import Markdown
from rich.segment import Segment
from rich.text import Text

from hob.cli.sanitize import TerminalFilter, clean

_FENCE = re.compile(r"\s*(`{3,}|~{3,})")
# A drawing is followed by at least this many times its own duration without one.
_DRAWING_PAUSE = 4
_MIN_PAUSE_S = 0.05


class BlockSplitter:
    """Cuts Markdown into blocks that can be rendered by themselves, as soon as they are complete.

    A block ends at blank lines that are followed by text at the margin, outside code fences; what
    is indented may belong to a list item above.
    """

    def __init__(self) -> None:
        self._block: list[str] = []
        self._partial = ""
        self._fence = ""
        self._after_blank = False

    @property
    def rest(self) -> str:
        """What belongs to no complete block yet."""
        return "".join(self._block) + self._partial

    def feed(self, text: str) -> list[str]:
        """The blocks that `text` completes."""
        *lines, self._partial = (self._partial + text).split("\n")
        blocks: list[str] = []
        for line in lines:
            blocks += self._completed_by(line)
            self._block.append(line + "\n")
            self._track(line)
        # The first character of a line is enough to know that it begins a block.
        return blocks + self._completed_by(self._partial)

    def _completed_by(self, line: str) -> list[str]:
        """The block that ends because `line` begins another, if it does."""
        if not self._after_blank or self._fence or not line.strip() or line[0].isspace():
            return []
        block = "".join(self._block)
        self._block.clear()
        self._after_blank = False
        return [block]

    def _track(self, line: str) -> None:
        self._after_blank = not line.strip() and bool(self._block)
        if not (mark := _FENCE.match(line)):
            return
        if not self._fence:
            self._fence = mark[1]
        elif line.strip().startswith(self._fence) and not line.strip().strip(self._fence[0]):
            self._fence = ""


class _SafeMarkdown:
    """Markdown whose rendering carries no control characters: an entity such as `&#x202e;` only
    becomes a character while it is rendered. Links show where they go."""

    def __init__(self, text: str, last_lines: int | None = None) -> None:
        self._markdown = Markdown(text, code_theme="ansi_dark", hyperlinks=False)
        self._last_lines = last_lines

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        lines = console.render_lines(self._markdown, options.update(height=None), pad=False)
        if self._last_lines is not None:
            lines = lines[-self._last_lines :]
        for line in lines:
            yield from _without_padding(
                [Segment(clean(part.text), part.style) for part in line if not part.control]
            )
            yield Segment.line()


def _without_padding(line: list[Segment]) -> list[Segment]:
    """The line without the blanks that fill it up, which would be copied along with the text."""
    while line:
        last = line.pop()
        text = last.text if last.style and last.style.bgcolor else last.text.rstrip()
        if text:
            return [*line, Segment(text, last.style)]
    return []


class MarkdownPrinter:
    """Prints an answer to a terminal; see the module."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, markup=False, emoji=False)
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._filter = TerminalFilter()
        self._splitter = BlockSplitter()
        self._printed = False
        self._draw_again_at = 0.0

    def feed(self, piece: str) -> None:
        if not self._live.is_started:
            self._live.start()
        for block in self._splitter.feed(self._filter.feed(piece)):
            self._live.update("", refresh=True)
            self._print(block)
        self._draw_rest()

    def note(self, text: str) -> None:
        """What the answer has so far is a block of its own then."""
        self._print_rest()
        self._console.print(Text(clean(text), style="dim"))

    def finish(self) -> None:
        """Print what is left and give the terminal back; also after an interruption."""
        self._print_rest()

    def _print_rest(self) -> None:
        self._live.update("")
        self._live.stop()
        self._print(self._splitter.rest)
        self._splitter = BlockSplitter()

    def _print(self, block: str) -> None:
        if not block.strip():
            return
        if self._printed:
            self._console.print()
        self._console.print(_SafeMarkdown(block), end="")
        self._printed = True

    def _draw_rest(self) -> None:
        now = time.monotonic()
        if now < self._draw_again_at:
            return
        # One row for the cursor below, one for the blank line above.
        rows = max(self._console.size.height - 2, 1)
        rest = self._splitter.rest
        if rest.strip():
            self._live.update(_SafeMarkdown(rest, last_lines=rows), refresh=True)
        took = time.monotonic() - now
        self._draw_again_at = now + took + max(took * _DRAWING_PAUSE, _MIN_PAUSE_S)
