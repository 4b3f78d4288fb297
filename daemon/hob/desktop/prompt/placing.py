"""Where the window stands and how large it is. Pure."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, QSize

DEFAULT = QSize(740, 600)
LEAST = QSize(640, 96)
# So much of the screen's height is left free above it, as launchers do.
_ABOVE = 0.16
# An answer makes it grow in steps, so that it is not laid out anew with every line.
_STEP = 24


def place(screen: QRect, width: int) -> QPoint:
    """The upper left corner on a screen: in the middle, near the top."""
    left = screen.x() + (screen.width() - width) // 2
    return QPoint(max(screen.x(), left), screen.y() + int(screen.height() * _ABOVE))


def bounded(size: QSize, screen: QRect) -> QSize:
    """A size that the screen has room for below the place above."""
    most = QSize(screen.width() - 20, int(screen.height() * (1 - _ABOVE)) - 20)
    return size.boundedTo(most).expandedTo(LEAST)


def grown(now: int, wanted: int, most: int) -> int:
    """The height that shows an answer which has come to need `wanted`; it never shrinks."""
    steps = -(-wanted // _STEP) * _STEP
    return min(max(now, steps), most)
