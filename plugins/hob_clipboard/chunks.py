"""Cuts a text that is too long for a model into parts that are not."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable
from itertools import pairwise

# Tells how many tokens a text has.
Count = Callable[[str], int]

# Where a text is cut best, the best first: after a blank line, a line, a sentence, a word.
_BORDERS = tuple(
    re.compile(pattern)
    for pattern in (
        r"\n[ \t\r]*\n\s*",
        r"\n",
        r"[.!?…]['\")\]»\u201d\u2019]*\s+|[\u3002\uff01\uff1f]",
        r"\s+",
    )
)
# A part is planned a little below the limit, for tokens are not spread evenly over a text.
_SLACK = 1.1
# How far a cut may be from where it would be even, as a share of a part.
_REACH = 0.25
_JOINERS = "\u200d\ufe0e\ufe0f"


def split_text(text: str, limit: int, count: Count) -> list[str]:
    """Cut a text into parts of at most `limit` tokens; joined, they are the text again.

    A single character is never cut, so a part may have more tokens than `limit` only where one
    character has.
    """
    parts: list[str] = []
    waiting = [text]
    while waiting:
        piece = waiting.pop()
        tokens = count(piece)
        if tokens <= limit or len(piece) < 2:
            parts.append(piece)
            continue
        number = max(2, min(len(piece), math.ceil(tokens * _SLACK / limit)))
        waiting.extend(reversed(_cut_evenly(piece, number)))
    return parts


def _cut_evenly(text: str, number: int) -> list[str]:
    """About `number` parts of about the same length; two at least."""
    size = len(text) / number
    cuts = [0]
    for n in range(1, number):
        target = round(n * size)
        reach = int(size * _REACH)
        cut = _cut_near(text, target, max(cuts[-1] + 1, target - reach), target + reach)
        if cuts[-1] < cut < len(text):
            cuts.append(cut)
    if len(cuts) == 1:
        cuts.append(len(text) // 2)
    cuts.append(len(text))
    return [text[start:end] for start, end in pairwise(cuts)]


def _cut_near(text: str, target: int, low: int, high: int) -> int:
    """The best place for a cut from `low` to `high`: the nearest to `target` of the best kind."""
    for border in _BORDERS:
        ends = [found.end() for found in border.finditer(text, low, min(high, len(text)))]
        if ends:
            return min(ends, key=lambda end: abs(end - target))
    while low < target < len(text) and _belongs_to_the_last(text, target):
        target -= 1
    return target


def _belongs_to_the_last(text: str, at: int) -> bool:
    """Whether the character forms one sign with the one before it."""
    here = text[at]
    return bool(unicodedata.combining(here)) or here in _JOINERS or text[at - 1] == "\u200d"
