"""Which widgets the window is made of, and how they stand."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from PySide6.QtCore import Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizeGrip, QVBoxLayout, QWidget

from hob.desktop.prompt.chips import Chips
from hob.desktop.prompt.commands import Name
from hob.desktop.prompt.conversation_view import ConversationView
from hob.desktop.prompt.footer import Footer
from hob.desktop.prompt.input_box import InputBox
from hob.desktop.prompt.state_bar import StateBar
from hob.desktop.prompt.theme import scaled


class Frame(QFrame):
    """The question on top, what it is about, the state of things, the answers, the keys."""

    def __init__(
        self,
        window: QWidget,
        do: Callable[[Name], None],
        copy: Callable[[str], None],
        gripped: Callable[[], None],
    ) -> None:
        super().__init__(window)
        self.setObjectName("hobPrompt")
        self.setFont(scaled(self.font(), 1.08))
        self.input = InputBox()
        self.input.setFont(scaled(self.font(), 1.4))
        self.chips = Chips()
        self.state = StateBar()
        self.notice = StateBar()
        self.talk = ConversationView(copy)
        self.footer = Footer(do)
        self._grip = _Grip(window, gripped)
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 1, 1, 1)
        column.setSpacing(0)
        column.addLayout(_padded(self.input, self.chips, self.notice, self.state))
        self._line = _line()
        column.addWidget(self._line)
        column.addWidget(self.talk, 1)
        column.addWidget(_line())
        bottom = QHBoxLayout()
        bottom.setContentsMargins(0, 0, 2, 0)
        bottom.setSpacing(0)
        bottom.addWidget(self.footer, 1)
        bottom.addWidget(self._grip, 0, Qt.AlignmentFlag.AlignBottom)
        column.addLayout(bottom)
        self.show_talk(shown=False)
        self._order()

    def show_talk(self, *, shown: bool) -> None:
        """The answers, or only the question's box."""
        self.talk.setVisible(shown)
        self._line.setVisible(shown)

    def _order(self) -> None:
        """Tab goes from the question to what it is about, to the answers, to the bottom."""
        order = [self.input, self.chips, self.notice, self.state, self.talk, self.footer]
        for before, after in pairwise(order):
            QWidget.setTabOrder(before, after)


class _Grip(QSizeGrip):
    """Tells when the person begins to change the size."""

    def __init__(self, window: QWidget, gripped: Callable[[], None]) -> None:
        super().__init__(window)
        self._gripped = gripped
        self.setAccessibleName("Change the window's size")

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self._gripped()
        super().mousePressEvent(event)


def _padded(*widgets: QWidget) -> QVBoxLayout:
    column = QVBoxLayout()
    column.setContentsMargins(18, 15, 18, 12)
    column.setSpacing(9)
    for widget in widgets:
        column.addWidget(widget)
    return column


def _line() -> QFrame:
    line = QFrame()
    line.setObjectName("line")
    return line
