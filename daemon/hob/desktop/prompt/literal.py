"""Text that is no Markdown, as Markdown that shows it as it is."""

from __future__ import annotations

import re

# All that may have a meaning in Markdown may have a backslash before it.
_MARKS = re.compile(r"([!-/:-@\[-`{-~])")
_BLANKS = re.compile(r" {2,}")


def literal(text: str) -> str:
    """Markdown for the text, line by line. Pieces of a text may be given one after the other."""
    marked = _MARKS.sub(r"\\\1", text.replace("\t", "    "))
    # Blanks that would begin a code block, or be taken for one.
    marked = _BLANKS.sub(lambda found: "&nbsp;" * len(found[0]), marked)
    # Two blanks at its end make a line end where it ends; a paragraph's last are of no effect.
    return marked.replace("\n", "  \n")
