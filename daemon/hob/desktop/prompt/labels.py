"""Labels that take their text for text, whoever wrote it."""

from __future__ import annotations

import re

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel

from hob.client.sanitize import clean

# A longer word may be broken anywhere; Qt would rather make the window wider.
_MAX_WORD_CHARS = 24
_LONG_WORD = re.compile(rf"\S{{{_MAX_WORD_CHARS}}}(?=\S)")


class PlainLabel(QLabel):
    """`say` puts a text in; of a long word, the parts are kept together by nothing."""

    def __init__(self, text: str = "", name: str = "") -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setObjectName(name)
        self.said = ""
        self.say(text)

    def say(self, text: str) -> None:
        self.said = clean(text)
        self.setText(breakable(self.said))
        self.setAccessibleName(self.said)


def breakable(text: str) -> str:
    """The text with places in its long words where a line may end."""
    return _LONG_WORD.sub(lambda found: f"{found[0]}\N{ZERO WIDTH SPACE}", text)
