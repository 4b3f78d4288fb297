"""Paints one row of the menu: title, help, and the keys at the other end."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPalette
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

DETAIL_ROLE = Qt.ItemDataRole.UserRole + 1
KEYS_ROLE = Qt.ItemDataRole.UserRole + 2

_PAD = 12
_GAP = 10
_ROUND = 6
# Leaves a contrast of 4.5 on the chosen row too.
_DIM = 0.75

_Index = QModelIndex | QPersistentModelIndex
_Pen = tuple[QFont, QColor]


class RowDelegate(QStyledItemDelegate):
    """Draws with the palette's colours alone, so that it follows light and dark."""

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:  # noqa: N802
        return QSize(100, option.fontMetrics.height() + 16)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        palette = option.palette
        if chosen:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(palette.color(QPalette.ColorRole.Highlight))
            painter.drawRoundedRect(option.rect.adjusted(4, 1, -4, -1), _ROUND, _ROUND)
        role = QPalette.ColorRole.HighlightedText if chosen else QPalette.ColorRole.Text
        colour = palette.color(role)
        room = option.rect.adjusted(_PAD, 0, -_PAD, 0)
        font = QFont(option.font)
        room = _draw_keys(painter, option, room, str(index.data(KEYS_ROLE) or ""), dim(colour))
        title = str(index.data(Qt.ItemDataRole.DisplayRole) or "")
        font.setWeight(QFont.Weight.Medium)
        room = _draw(painter, option, room, title, (font, colour))
        font.setWeight(QFont.Weight.Normal)
        _draw(painter, option, room, str(index.data(DETAIL_ROLE) or ""), (font, dim(colour)))
        painter.restore()


def dim(colour: QColor) -> QColor:
    """The colour for what matters less."""
    faint = QColor(colour)
    faint.setAlphaF(colour.alphaF() * _DIM)
    return faint


def _draw(
    painter: QPainter, option: QStyleOptionViewItem, room: QRect, text: str, pen: _Pen
) -> QRect:
    """Draw at the beginning of the room, shortened to fit; the room that is left."""
    if not text or room.width() <= 0:
        return room
    font, colour = pen
    metrics = QFontMetrics(font)
    shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, room.width())
    painter.setFont(font)
    painter.setPen(colour)
    start = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignAbsolute
    end = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignAbsolute
    mirrored = option.direction == Qt.LayoutDirection.RightToLeft
    flags = (end if mirrored else start) | Qt.AlignmentFlag.AlignVCenter
    painter.drawText(room, int(flags) | int(Qt.TextFlag.TextSingleLine), shown)
    width = metrics.horizontalAdvance(shown) + _GAP
    return room.adjusted(0, 0, -width, 0) if mirrored else room.adjusted(width, 0, 0, 0)


def _draw_keys(
    painter: QPainter, option: QStyleOptionViewItem, room: QRect, keys: str, colour: QColor
) -> QRect:
    """Draw at the end of the room; the room that is left."""
    if not keys:
        return room
    width = option.fontMetrics.horizontalAdvance(keys)
    mirrored = option.direction == Qt.LayoutDirection.RightToLeft
    place = QRect(room)
    if mirrored:
        place.setRight(room.left() + width)
    else:
        place.setLeft(room.right() - width)
    painter.setFont(option.font)
    painter.setPen(colour)
    flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
    flags |= Qt.AlignmentFlag.AlignAbsolute
    painter.drawText(place, int(flags), keys)
    left = width + _GAP
    return room.adjusted(left, 0, 0, 0) if mirrored else room.adjusted(0, 0, -left, 0)
