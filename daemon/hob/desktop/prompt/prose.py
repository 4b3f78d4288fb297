"""Writes Markdown into a text document, by its tokens.

Qt's own reader of Markdown renders HTML and asks for images; here nothing of a model's text is
anything but text: HTML is shown as it was written, images by their description and address, and
only addresses that can be opened safely become links.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from markdown_it import MarkdownIt
from markdown_it.token import Token
from PySide6.QtGui import (
    QFont,
    QFontMetricsF,
    QTextBlockFormat,
    QTextCursor,
    QTextLength,
    QTextList,
    QTextListFormat,
)

from hob.client.sanitize import clean
from hob.desktop.prompt.inline import Ink, write_inline
from hob.desktop.prompt.tables import write_table
from hob.desktop.prompt.theme import Colors

_HEADINGS = {"h1": 1.4, "h2": 1.25, "h3": 1.12, "h4": 1.0, "h5": 1.0, "h6": 1.0}
_BULLETS = ("\N{BULLET}\N{EN SPACE}", "\N{WHITE BULLET}\N{EN SPACE}")
_INDENT_PX = 24
_QUOTE_PX = 14
# Whoever nests deeper means nobody well.
_MAX_NESTING = 12

_reader = MarkdownIt("commonmark", {"html": False, "maxNesting": 40}).enable(
    ["table", "strikethrough"]
)


@dataclass
class _List:
    ordered: bool
    start: int
    depth: int
    made: QTextList | None = None


@dataclass
class ProseWriter:
    """Appends to the end of a document. `font` is that of plain text."""

    cursor: QTextCursor
    colors: Colors
    font: QFont
    empty: bool = True
    _lists: list[_List] = field(default_factory=list)
    _quotes: int = 0
    _heading: float = 0.0
    _item_begins: bool = False

    def __post_init__(self) -> None:
        self.cursor.document().setIndentWidth(_INDENT_PX)

    def write(self, markdown: str) -> None:
        """Render the text and append it."""
        tokens = _reader.parse(markdown)
        at = 0
        while at < len(tokens):
            if tokens[at].type == "table_open":
                end = _end_of(tokens, at, "table_close")
                self._table(tokens[at:end])
                at = end
            else:
                self._token(tokens[at])
            at += 1
        self._lists.clear()
        self._quotes = 0

    def _token(self, token: Token) -> None:
        match token.type:
            case "bullet_list_open" | "ordered_list_open":
                ordered = token.type == "ordered_list_open"
                depth = min(len(self._lists), _MAX_NESTING) + 1
                self._lists.append(_List(ordered, int(token.attrs.get("start", 1)), depth))
            case "bullet_list_close" | "ordered_list_close":
                self._lists.pop()
            case "list_item_open":
                self._item_begins = True
            case "list_item_close":
                if self._item_begins:
                    self._begin_block()
            case "blockquote_open":
                self._quotes += 1
            case "blockquote_close":
                self._quotes -= 1
            case "heading_open":
                self._heading = _HEADINGS[token.tag]
            case "heading_close":
                self._heading = 0.0
            case "hr":
                self._rule()
            case "inline":
                self._begin_block()
                write_inline(self.cursor, token.children or [], self._ink())
            case "code_block" | "fence" | "html_block":
                self._begin_block()
                lines = clean(token.content.rstrip("\n")).replace("\n", "\u2028")
                self.cursor.insertText(lines, self._ink().code())

    def _ink(self) -> Ink:
        return Ink(
            colors=self.colors,
            font=self.font,
            color=self.colors.muted if self._quotes else self.colors.text,
            factor=self._heading or 1.0,
            bold=bool(self._heading),
        )

    def _begin_block(self) -> None:
        made, plain = self._block_format(), self._ink().plain()
        if self.empty:
            self.cursor.setBlockFormat(made)
            self.cursor.setBlockCharFormat(plain)
            self.empty = False
        else:
            self.cursor.insertBlock(made, plain)
        if self._lists and self._item_begins:
            self._begin_item(self._lists[-1])
        self._item_begins = False

    def _begin_item(self, current: _List) -> None:
        if not current.ordered:
            self._bullet(current.depth)
        elif current.made is not None:
            current.made.add(self.cursor.block())
        else:
            form = QTextListFormat()
            form.setIndent(current.depth)
            form.setStyle(QTextListFormat.Style.ListDecimal)
            form.setStart(current.start)
            current.made = self.cursor.createList(form)

    def _bullet(self, depth: int) -> None:
        """As text that hangs out to the side: Qt draws its own marks into the words."""
        mark = _BULLETS[(depth - 1) % len(_BULLETS)]
        made = self.cursor.blockFormat()
        made.setIndent(depth)
        made.setTextIndent(-QFontMetricsF(self.font).horizontalAdvance(mark))
        self.cursor.setBlockFormat(made)
        self.cursor.insertText(mark, self._ink().plain())

    def _block_format(self) -> QTextBlockFormat:
        made = QTextBlockFormat()
        made.setLineHeight(125, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
        gap = self.font.pointSizeF() if self.font.pointSizeF() > 0 else 10.0
        if self._heading:
            made.setHeadingLevel(1)
            gap *= 1.1
        else:
            gap *= 0.3 if self._lists else 0.8
        made.setTopMargin(0 if self.empty else gap)
        if self._lists and not self._item_begins:
            made.setIndent(len(self._lists))
        if self._quotes:
            made.setLeftMargin(_QUOTE_PX * min(self._quotes, _MAX_NESTING))
        return made

    def _rule(self) -> None:
        self._begin_block()
        made = self.cursor.blockFormat()
        made.setProperty(
            QTextBlockFormat.Property.BlockTrailingHorizontalRulerWidth,
            QTextLength(QTextLength.Type.PercentageLength, 100),
        )
        self.cursor.setBlockFormat(made)

    def _table(self, tokens: Sequence[Token]) -> None:
        if write_table(self.cursor, tokens, self._ink()):
            # Qt leaves an empty paragraph below a table, which the next text shall use.
            self.cursor.setBlockFormat(self._block_format())
            self.empty = True


def _end_of(tokens: Sequence[Token], start: int, kind: str) -> int:
    return next(
        (at for at in range(start, len(tokens)) if tokens[at].type == kind), len(tokens) - 1
    )
