"""Writes the words of a paragraph into a text document, by the tokens of its Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markdown_it.token import Token
from PySide6.QtGui import QBrush, QColor, QFont, QTextCharFormat, QTextCursor

from hob.client.sanitize import clean
from hob.desktop.prompt.links import safe_address, with_addresses
from hob.desktop.prompt.theme import Colors, code_font

_MAX_ADDRESS_CHARS = 500
_REPLACES = QTextCharFormat.FontPropertiesInheritanceBehavior.FontPropertiesAll


@dataclass(frozen=True)
class Ink:
    """What plain text looks like. `color` is one of `colors`."""

    colors: Colors
    font: QFont
    color: str
    factor: float = 1.0
    bold: bool = False

    def plain(self) -> QTextCharFormat:
        made = QTextCharFormat()
        made.setFont(self.font)
        made.setForeground(QBrush(QColor(self.color)))
        if self.factor != 1.0:
            made.setFontPointSize(max(1.0, self.font.pointSizeF()) * self.factor)
        if self.bold:
            made.setFontWeight(QFont.Weight.DemiBold)
        return made

    def code(self) -> QTextCharFormat:
        made = self.plain()
        made.setFont(code_font(self.font), _REPLACES)
        made.setBackground(QBrush(QColor(self.colors.raised)))
        return made


def write_inline(cursor: QTextCursor, children: Sequence[Token], ink: Ink) -> None:
    """Images are told by their description and address, HTML stands there as it was written."""
    style = _Style(cursor, ink)
    for token in children:
        match token.type:
            case "strong_open" | "strong_close":
                style.strong += token.nesting
            case "em_open" | "em_close":
                style.em += token.nesting
            case "s_open" | "s_close":
                style.struck += token.nesting
            case "link_open":
                style.begin_link(str(token.attrs.get("href", "")))
            case "link_close":
                style.end_link()
            case "code_inline":
                cursor.insertText(clean(token.content), style.applied(ink.code()))
            case "softbreak":
                style.put(" ")
            case "hardbreak":
                style.put("\u2028")
            case "image":
                address = clean(str(token.attrs.get("src", "")))[:_MAX_ADDRESS_CHARS]
                style.put(f"[image, not loaded: {clean(token.content)} {address}]")
            case _:
                style.words(clean(token.content))


class _Style:
    """What surrounds a word. `told` is an address that is shown because it is no link."""

    def __init__(self, cursor: QTextCursor, ink: Ink) -> None:
        self._cursor = cursor
        self._ink = ink
        self.strong = 0
        self.em = 0
        self.struck = 0
        self._link = ""
        self._told = ""

    def begin_link(self, address: str) -> None:
        self._link = safe_address(address) or ""
        self._told = "" if self._link else clean(address)[:_MAX_ADDRESS_CHARS]

    def end_link(self) -> None:
        if self._told:
            self.put(f" ({self._told})")
        self._link = self._told = ""

    def words(self, text: str) -> None:
        """Text in which addresses are links, unless it is part of one."""
        if self._link or self._told:
            self.put(text)
            return
        for piece, address in with_addresses(text):
            self._link = (safe_address(address) or "") if address else ""
            self.put(piece)
        self._link = ""

    def put(self, text: str) -> None:
        if text:
            self._cursor.insertText(text, self.applied(self._ink.plain()))

    def applied(self, made: QTextCharFormat) -> QTextCharFormat:
        if self.strong > 0:
            made.setFontWeight(QFont.Weight.Bold)
        if self.em > 0:
            made.setFontItalic(True)
        if self.struck > 0:
            made.setFontStrikeOut(True)
        if self._link:
            made.setAnchor(True)
            made.setAnchorHref(self._link)
            made.setForeground(QBrush(QColor(self._ink.colors.link)))
            made.setFontUnderline(True)
        return made
