"""Writes a table of Markdown into a text document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from markdown_it.token import Token
from PySide6.QtCore import Qt
from PySide6.QtGui import (
    QBrush,
    QColor,
    QTextBlockFormat,
    QTextCursor,
    QTextFrameFormat,
    QTextTableFormat,
)

from hob.desktop.prompt.inline import Ink, write_inline

_ALIGN = {
    "text-align:right": Qt.AlignmentFlag.AlignRight,
    "text-align:center": Qt.AlignmentFlag.AlignHCenter,
}
# More than a window can show; laying a table out takes time with each of its cells.
_MAX_CELLS = 600


def write_table(cursor: QTextCursor, tokens: Sequence[Token], ink: Ink) -> bool:
    """The cursor is at the end of the document, and below the table afterwards. False for nothing
    that can be shown."""
    rows = _rows(tokens)
    columns = max((len(row) for row in rows), default=0)
    if not columns:
        return False
    rows = rows[: max(1, _MAX_CELLS // columns)]
    table = cursor.insertTable(len(rows), columns, _format(ink))
    for number, row in enumerate(rows):
        cell_ink = replace(ink, bold=True) if number == 0 else ink
        for column, (cell, align) in enumerate(row):
            inside = table.cellAt(number, column).firstCursorPosition()
            made = QTextBlockFormat()
            made.setAlignment(_ALIGN.get(align, Qt.AlignmentFlag.AlignLeading))
            inside.setBlockFormat(made)
            write_inline(inside, cell.children or [], cell_ink)
    cursor.movePosition(QTextCursor.MoveOperation.End)
    return True


def _format(ink: Ink) -> QTextTableFormat:
    made = QTextTableFormat()
    made.setBorder(1)
    made.setBorderCollapse(True)
    made.setBorderBrush(QBrush(QColor(ink.colors.line)))
    made.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
    made.setCellPadding(6)
    made.setCellSpacing(0)
    made.setTopMargin(8)
    made.setBottomMargin(6)
    made.setHeaderRowCount(1)
    return made


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
