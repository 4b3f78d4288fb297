"""The questions and answers, one below the other. It follows what comes, unless one reads above."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from hob.desktop.prompt.conversation import Conversation, Exchange
from hob.desktop.prompt.exchange_view import ExchangeView
from hob.desktop.prompt.theme import Colors

# So near to the end counts as being there.
_NEAR_PX = 40


class ConversationView(QScrollArea):
    """`show_all` builds it anew; `add` and `last` are for the one that runs."""

    retry = Signal()
    wants_link = Signal(str)
    grown = Signal()

    def __init__(self, copy: Callable[[str], None]) -> None:
        super().__init__()
        self.setObjectName("talk")
        self.setAccessibleName("Conversation")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._copy = copy
        self._follows = True
        self._views: list[ExchangeView] = []
        self._inside = QWidget()
        self._column = QVBoxLayout(self._inside)
        self._column.setContentsMargins(18, 12, 18, 12)
        self._column.setSpacing(18)
        self._column.addStretch()
        self.setWidget(self._inside)
        self._inside.installEventFilter(self)
        self.verticalScrollBar().valueChanged.connect(self._scrolled)
        self.verticalScrollBar().rangeChanged.connect(self._follow)
        self.verticalScrollBar().setSingleStep(24)

    @property
    def last(self) -> ExchangeView | None:
        return self._views[-1] if self._views else None

    @property
    def follows(self) -> bool:
        return self._follows

    def show_all(self, conversation: Conversation, colors: Colors) -> None:
        for view in self._views:
            self._column.removeWidget(view)
            view.hide()
            view.deleteLater()
        self._views.clear()
        for exchange in conversation.exchanges:
            self.add(exchange, colors)

    def add(self, exchange: Exchange, colors: Colors) -> None:
        view = ExchangeView(exchange, colors, self._copy)
        view.retry.connect(self.retry)
        view.wants_link.connect(self.wants_link)
        self._views.append(view)
        self._column.insertWidget(self._column.count() - 1, view)
        self._follows = True

    def drop_last(self) -> None:
        """Take the last one away, which is asked again."""
        if self._views:
            view = self._views.pop()
            self._column.removeWidget(view)
            view.hide()
            view.deleteLater()

    def page(self, way: int) -> None:
        """A page up (-1) or down (1)."""
        bar = self.verticalScrollBar()
        bar.setValue(bar.value() + way * max(40, bar.pageStep() - 40))

    def wanted_height(self) -> int:
        """What shows all of it."""
        width = self.viewport().width()
        return self._column.totalHeightForWidth(width) if width > 0 else 0

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if watched is self._inside and event.type() is QEvent.Type.LayoutRequest:
            self.grown.emit()
            self._follow()
        return super().eventFilter(watched, event)

    def _scrolled(self, value: int) -> None:
        bar = self.verticalScrollBar()
        # A growing text moves the end away, which is not the person's doing.
        if bar.isSliderDown() or value != bar.maximum():
            self._follows = value >= bar.maximum() - _NEAR_PX
        else:
            self._follows = True

    def _follow(self, *_: int) -> None:
        if self._follows:
            bar = self.verticalScrollBar()
            bar.setValue(bar.maximum())
