"""Shows what a model thinks before it answers."""

from __future__ import annotations

import os
import sys

from hob.cli.sanitize import TerminalFilter

_DIM, _RESET = "\x1b[2m", "\x1b[0m"


class Thoughts:
    """Prints thoughts dimmed, as they come, above the answer.

    They are for a person who watches: off a terminal, and with `shown` False, nothing is printed.
    Thoughts after the answer has begun are not shown, as they would break into its text.
    """

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown and sys.stdout.isatty()
        self._dims = os.environ.get("TERM") != "dumb"
        self._filter = TerminalFilter()
        self._last = ""

    def feed(self, piece: str) -> None:
        if not self._shown:
            return
        text = self._filter.feed(piece)
        if not self._last:
            text = text.lstrip()
        if text:
            # Each piece for itself, so that an interruption does not leave the terminal dimmed.
            sys.stdout.write(f"{_DIM}{text}{_RESET}" if self._dims else text)
            sys.stdout.flush()
            self._last = text[-1]

    def finish(self) -> None:
        """The answer begins, or there will be none."""
        if self._last:
            sys.stdout.write("\n" if self._last == "\n" else "\n\n")
            sys.stdout.flush()
        self._last = ""
        self._shown = False
