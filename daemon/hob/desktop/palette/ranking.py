"""How well a name fits what is typed."""

from __future__ import annotations

import re
import unicodedata

# Letters that are found farther apart than this are found by chance.
_SPREAD = 3
_WORD_START = re.compile(r"(?<!\w)\w")


def fold(text: str) -> str:
    """The text without accents and case, so that both ways of typing it find it."""
    parts = unicodedata.normalize("NFKD", text)
    return "".join(c for c in parts if not unicodedata.combining(c)).casefold()


def score(typed: str, name: str) -> float | None:
    """How well `name` fits, from 0 to 1; None when it does not. Nothing typed fits all alike.

    Every word that is typed must be found: best at the beginning, then at the beginning of a word,
    then anywhere, then as letters in this order.
    """
    words, name = fold(typed).split(), fold(name)
    if not words:
        return 0.0
    scores = [_score_word(word, name) for word in words]
    found = [one for one in scores if one is not None]
    return sum(found) / len(found) if len(found) == len(scores) else None


def _score_word(word: str, name: str) -> float | None:
    if name.startswith(word):
        return 1.0
    if re.search(rf"(?<!\w){re.escape(word)}", name):
        return 0.9
    # "fg" for "fix grammar".
    initials = "".join(found[0] for found in _WORD_START.finditer(name))
    if len(word) > 1 and initials.startswith(word):
        return 0.85
    if word in name:
        return 0.7
    return _score_letters(word, name)


def _score_letters(word: str, name: str) -> float | None:
    """Letters in order, the better the fewer others are between them."""
    begin = name.find(word[0])
    at = begin
    for letter in word[1:]:
        at = name.find(letter, at + 1)
        if at < 0:
            return None
    within = at - begin + 1
    return 0.5 * len(word) / within if begin >= 0 and within <= _SPREAD * len(word) else None
