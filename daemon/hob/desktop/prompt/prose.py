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
from PySide6.QtCore import Qt
from PySide6.QtGui import (
    QBrush,
    QColor,
    QFont,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextFrameFormat,
    QTextLength,
    QTextList,
    QTextListFormat,
    QTextTable,
    QTextTableFormat,
)

from hob.client.sanitize import clean
from hob.desktop.prompt.links import safe_address, with_addresses
from hob.desktop.prompt.theme import Colors, code_font

_HEADINGS = {"h1": 1.4, "h2": 1.25, "h3": 1.12, "h4": 1.0, "h5": 1.0, "h6": 1.0}
_BULLETS = (QTextListFormat.Style.ListDisc, QTextListFormat.Style.ListCircle)
_ALIGN = {
    "text-align:right": Qt.AlignmentFlag.AlignRight,
    "text-align:center": Qt.AlignmentFlag.AlignHCenter,
}
_MARK_GAP = 4.0
# Whoever nests deeper means nobody well.
_MAX_NESTING = 12
_MAX_CELLS = 2_000

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
                self._inline(token.children or [], self._plain())
            case "code_block" | "fence" | "html_block":
                self._begin_block()
                lines = clean(token.content.rstrip("\n")).replace("\n", "\u2028")
                self.cursor.insertText(lines, self._code())

    # ---- blocks ----

    def _begin_block(self) -> None:
        made = self._block_format()
        if self.empty:
            self.cursor.setBlockFormat(made)
            self.cursor.setBlockCharFormat(self._plain())
            self.empty = False
        else:
            self.cursor.insertBlock(made, self._plain())
        if self._lists and self._item_begins:
            self._begin_item(self._lists[-1])
        self._item_begins = False

    def _begin_item(self, current: _List) -> None:
        # Qt puts the mark one space before the text, by the paragraph's own font.
        spaced, font = self._plain(), QFont(self.font)
        font.setWordSpacing(_MARK_GAP)
        spaced.setFont(font)
        self.cursor.setBlockCharFormat(spaced)
        if current.made is not None:
            current.made.add(self.cursor.block())
            return
        form = QTextListFormat()
        form.setIndent(current.depth)
        if current.ordered:
            form.setStyle(QTextListFormat.Style.ListDecimal)
            form.setStart(current.start)
        else:
            form.setStyle(_BULLETS[(current.depth - 1) % len(_BULLETS)])
        current.made = self.cursor.createList(form)

    def _block_format(self) -> QTextBlockFormat:
        made = QTextBlockFormat()
        made.setLineHeight(125, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
        gap = self.font.pointSizeF() if self.font.pointSizeF() > 0 else 10.0
        tight = bool(self._lists)
        first = self.empty
        if self._heading:
            made.setTopMargin(0 if first else gap * 1.1)
            made.setHeadingLevel(1)
        else:
            made.setTopMargin(0 if first else gap * (0.3 if tight else 0.8))
        if self._lists and not self._item_begins:
            made.setIndent(len(self._lists))
        if self._quotes:
            made.setLeftMargin(14 * min(self._quotes, _MAX_NESTING))
        return made

    def _rule(self) -> None:
        self._begin_block()
        made = self.cursor.blockFormat()
        made.setProperty(
            QTextBlockFormat.Property.BlockTrailingHorizontalRulerWidth,
            QTextLength(QTextLength.Type.PercentageLength, 100),
        )
        self.cursor.setBlockFormat(made)

    # ---- characters ----

    def _plain(self) -> QTextCharFormat:
        made = QTextCharFormat()
        made.setFont(self.font)
        color = self.colors.muted if self._quotes else self.colors.text
        made.setForeground(QBrush(QColor(color)))
        if self._heading:
            made.setFontPointSize(max(1.0, self.font.pointSizeF()) * self._heading)
            made.setFontWeight(QFont.Weight.DemiBold)
        return made

    def _code(self) -> QTextCharFormat:
        made = self._plain()
        made.setFont(code_font(self.font), QTextCharFormat.FontPropertiesInheritanceBehavior(0))
        made.setBackground(QBrush(QColor(self.colors.raised)))
        return made

    def _inline(self, children: Sequence[Token], plain: QTextCharFormat) -> None:
        style = _Style()
        for token in children:
            match token.type:
                case "strong_open" | "strong_close":
                    style.strong += 1 if token.nesting > 0 else -1
                case "em_open" | "em_close":
                    style.em += 1 if token.nesting > 0 else -1
                case "s_open" | "s_close":
                    style.struck += 1 if token.nesting > 0 else -1
                case "link_open":
                    style.begin_link(str(token.attrs.get("href", "")))
                case "link_close":
                    if style.told:
                        self._text(f" ({style.told})", style.apply(plain, self.colors))
                    style.link = style.told = ""
                case "code_inline":
                    self.cursor.insertText(clean(token.content), style.apply(self._code(), None))
                case "softbreak":
                    self._text(" ", style.apply(plain, self.colors))
                case "hardbreak":
                    self._text("\u2028", style.apply(plain, self.colors))
                case "image":
                    address = clean(str(token.attrs.get("src", "")))[:500]
                    words = f"[image, not loaded: {clean(token.content)} {address}]"
                    self._text(words, style.apply(plain, self.colors))
                case _:
                    self._words(clean(token.content), style, plain)

    def _words(self, text: str, style: _Style, plain: QTextCharFormat) -> None:
        if style.link or style.told:
            self._text(text, style.apply(plain, self.colors))
            return
        for piece, address in with_addresses(text):
            style.link = safe_address(address) or "" if address else ""
            self._text(piece, style.apply(plain, self.colors))
        style.link = ""

    def _text(self, text: str, form: QTextCharFormat) -> None:
        if text:
            self.cursor.insertText(text, form)

    # ---- tables ----

    def _table(self, tokens: Sequence[Token]) -> None:
        rows = _rows(tokens)
        columns = max((len(row) for row in rows), default=0)
        if not columns or len(rows) * columns > _MAX_CELLS:
            return
        table = self.cursor.insertTable(len(rows), columns, self._table_format(columns))
        for number, row in enumerate(rows):
            for column, (cell, align) in enumerate(row[:columns]):
                self._cell(table, number, column, cell, align)
        self.cursor.movePosition(QTextCursor.MoveOperation.End)
        # Qt leaves an empty paragraph below a table, which the next text shall use.
        self.cursor.setBlockFormat(self._block_format())
        self.empty = True

    def _cell(self, table: QTextTable, row: int, column: int, cell: Token, align: str) -> None:
        cursor = table.cellAt(row, column).firstCursorPosition()
        made = QTextBlockFormat()
        made.setAlignment(_ALIGN.get(align, Qt.AlignmentFlag.AlignLeading))
        cursor.setBlockFormat(made)
        outer, self.cursor = self.cursor, cursor
        plain = self._plain()
        if row == 0:
            plain.setFontWeight(QFont.Weight.DemiBold)
        self._inline(cell.children or [], plain)
        self.cursor = outer

    def _table_format(self, columns: int) -> QTextTableFormat:
        made = QTextTableFormat()
        made.setBorder(1)
        made.setBorderCollapse(True)
        made.setBorderBrush(QBrush(QColor(self.colors.line)))
        made.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
        made.setCellPadding(6)
        made.setCellSpacing(0)
        made.setTopMargin(8)
        made.setBottomMargin(4)
        made.setHeaderRowCount(1)
        made.setColumns(columns)
        return made


@dataclass
class _Style:
    """What surrounds a text; `told` is an address that is shown because it is no link."""

    strong: int = 0
    em: int = 0
    struck: int = 0
    link: str = ""
    told: str = ""

    def begin_link(self, address: str) -> None:
        self.link = safe_address(address) or ""
        self.told = "" if self.link else clean(address)[:500]

    def apply(self, plain: QTextCharFormat, colors: Colors | None) -> QTextCharFormat:
        made = QTextCharFormat(plain)
        if self.strong > 0:
            made.setFontWeight(QFont.Weight.Bold)
        if self.em > 0:
            made.setFontItalic(True)
        if self.struck > 0:
            made.setFontStrikeOut(True)
        if self.link and colors is not None:
            made.setAnchor(True)
            made.setAnchorHref(self.link)
            made.setForeground(QBrush(QColor(colors.link)))
            made.setFontUnderline(True)
        return made


def _end_of(tokens: Sequence[Token], start: int, kind: str) -> int:
    return next(
        (at for at in range(start, len(tokens)) if tokens[at].type == kind), len(tokens) - 1
    )


def _rows(tokens: Sequence[Token]) -> list[list[tuple[Token, str]]]:
    """The cells of each row, with their alignment."""
    rows: list[list[tuple[Token, str]]] = []
    align = ""
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        elif token.type in {"td_open", "th_open"}:
            align = str(token.attrs.get("style", ""))
        elif token.type == "inline" and rows:
            rows[-1].append((token, align))
    return rows
