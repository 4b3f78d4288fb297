"""How large the window is and where it comes up."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtGui import QCursor, QGuiApplication, QScreen
from PySide6.QtWidgets import QLayout, QWidget

from hob.desktop.prompt.frame import Frame
from hob.desktop.prompt.placing import DEFAULT, bounded, grown, place


def _least(layout: QLayout, width: int) -> int:
    """The height that shows all but the answers, which get a little of it."""
    if layout.hasHeightForWidth():
        return layout.totalMinimumHeightForWidth(width)
    return layout.totalMinimumSize().height()


class Sizing:
    """It grows with the answer, up to a size that a person may change; kept while Hob runs."""

    def __init__(self, window: QWidget, frame: Frame) -> None:
        self._window = window
        self._frame = frame
        self._room = QSize(DEFAULT)
        self._by_hand = False

    def begin_by_hand(self) -> None:
        """The person takes hold of the window's corner."""
        self._by_hand = self._frame.talk.isVisibleTo(self._window)

    def resized(self) -> None:
        """Remember the size, if a person makes it."""
        if self._by_hand:
            self._room = self._window.size()

    def place(self) -> None:
        """Onto the screen with the pointer."""
        screen = QGuiApplication.screenAt(QCursor.pos()) or QGuiApplication.primaryScreen()
        self.fit(screen)
        self._window.move(place(screen.availableGeometry(), self._window.width()))

    def fit(self, screen: QScreen | None = None) -> None:
        """As high as it needs to be."""
        window, talk = self._window, self._frame.talk
        room = bounded(self._room, (screen or window.screen()).availableGeometry())
        shows_talk = talk.isVisibleTo(window)
        if self._by_hand and shows_talk:
            return
        self._by_hand = False
        layout = self._frame.layout()
        if layout is None:
            return
        layout.activate()
        least = height = _least(layout, room.width())
        if shows_talk:
            wanted = least - talk.minimumSizeHint().height() + talk.wanted_height()
            height = grown(max(window.height(), least), wanted, max(room.height(), least))
        if window.size() != QSize(room.width(), height):
            window.resize(room.width(), height)
