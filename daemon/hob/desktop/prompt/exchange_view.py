"""A question with its answer: the thoughts before it, what is being done, and what went wrong."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QTextDocument
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from hob.client.sanitize import one_line
from hob.desktop.prompt.answer_view import AnswerView
from hob.desktop.prompt.conversation import Exchange
from hob.desktop.prompt.labels import PlainLabel
from hob.desktop.prompt.literal import literal
from hob.desktop.prompt.theme import Colors, scaled

# More of a question or of thoughts is kept, but not shown.
_MAX_QUESTION_CHARS = 2_000
_MAX_THOUGHT_CHARS = 20_000


class ExchangeView(QFrame):
    """It shows an exchange, which others change: `refresh` after every change of its state."""

    retry = Signal()
    wants_link = Signal(str)

    def __init__(self, exchange: Exchange, colors: Colors, copy: Callable[[str], None]) -> None:
        super().__init__()
        self.exchange = exchange
        self._plain = exchange.run is not None and exchange.run[0].plain
        self._fed = 0
        self._thoughts_fed = 0
        self._answer = AnswerView(colors, copy)
        self._answer.wants_link.connect(self.wants_link)
        self._doing = PlainLabel("", "muted")
        self._progress = QProgressBar()
        self._progress.setTextVisible(False)
        self._progress.setAccessibleName("Progress")
        self._note = PlainLabel("", "muted")
        self._note.setFont(scaled(self.font(), 0.88))
        self._fold = QToolButton()
        self._thoughts = PlainLabel("", "muted")
        self._problem = PlainLabel("", "problem")
        self._hint = PlainLabel("", "muted")
        self._retry = QPushButton("Try again")
        self._lay_out()
        self.refresh()

    def refresh(self, doing: str = "", fraction: float | None = None) -> None:
        """Show what the exchange has become. `doing` says what is waited for."""
        exchange = self.exchange
        if len(exchange.answer) > self._fed:
            more = exchange.answer[self._fed :]
            self._answer.feed(literal(more) if self._plain else more)
            self._fed = len(exchange.answer)
        self._show_thoughts()
        if exchange.over:
            self._answer.finish()
        self._doing.say(doing)
        self._doing.setVisible(bool(doing) and not exchange.over)
        shows_bar = fraction is not None and not exchange.over
        self._progress.setVisible(shows_bar)
        if fraction is not None and shows_bar:
            self._progress.setRange(0, 0 if fraction < 0 else 1000)
            self._progress.setValue(max(0, round(fraction * 1000)))
        self._show_end()

    def _show_end(self) -> None:
        exchange, error = self.exchange, self.exchange.error
        note = "Stopped." if exchange.state == "stopped" else exchange.note
        self._note.say(note)
        self._note.setVisible(exchange.over and bool(note))
        self._problem.setVisible(error is not None)
        self._hint.setVisible(error is not None and bool(error.hint))
        self._retry.setVisible(error is not None)
        if error is not None:
            self._problem.say(error.message)
            self._hint.say(error.hint)

    def _show_thoughts(self) -> None:
        thoughts = self.exchange.thoughts
        self._fold.setVisible(bool(thoughts.strip()))
        thinking = not self.exchange.answer and not self.exchange.over
        self._name_fold("Thinking…" if thinking else "Thoughts")
        if len(thoughts) == self._thoughts_fed:
            return
        self._thoughts_fed = len(thoughts)
        if self._thoughts.isVisible():
            self._thoughts.say(thoughts[-_MAX_THOUGHT_CHARS:].strip())

    def _unfold(self, opened: bool) -> None:
        self._fold.setArrowType(Qt.ArrowType.DownArrow if opened else Qt.ArrowType.RightArrow)
        if opened:
            self._thoughts.say(self.exchange.thoughts[-_MAX_THOUGHT_CHARS:].strip())
        self._thoughts.setVisible(opened)

    def _name_fold(self, name: str) -> None:
        if self._fold.text() == name:
            return
        self._fold.setText(name)
        self._fold.setAccessibleName(name)

    # ---- its parts ----

    def _lay_out(self) -> None:
        self._fold.setObjectName("hint")
        self._fold.setCheckable(True)
        self._fold.setArrowType(Qt.ArrowType.RightArrow)
        self._fold.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._fold.setAccessibleDescription("Shows what the model thought before it answered")
        self._name_fold("Thoughts")
        self._fold.toggled.connect(self._unfold)
        self._thoughts.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._thoughts.setContentsMargins(12, 0, 0, 4)
        self._thoughts.hide()
        self._retry.setProperty("secondary", True)
        self._retry.setAccessibleDescription("Asks this question again")
        self._retry.clicked.connect(self.retry)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(9)
        column.addWidget(_question(self.exchange))
        for widget in (self._fold, self._thoughts, self._answer, self._doing, self._progress):
            column.addWidget(widget)
        for widget in (self._note, self._problem, self._hint):
            column.addWidget(widget)
        row = QHBoxLayout()
        row.addWidget(self._retry)
        row.addStretch()
        column.addLayout(row)


def _question(exchange: Exchange) -> QWidget:
    """The question in its own box, with the names of what came with it."""
    box = QFrame()
    box.setObjectName("asked")
    column = QVBoxLayout(box)
    column.setContentsMargins(12, 8, 12, 8)
    column.setSpacing(3)
    text = exchange.question
    shown = text if len(text) <= _MAX_QUESTION_CHARS else f"{text[:_MAX_QUESTION_CHARS]}…"
    label = _leaning(PlainLabel(shown))
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setAccessibleName(f"Question: {one_line(shown)}")
    column.addWidget(label)
    if exchange.attachments:
        names = ", ".join(one_line(each.label) for each in exchange.attachments)
        below = PlainLabel(f"With {names}", "muted")
        below.setFont(scaled(below.font(), 0.88))
        column.addWidget(below)
    return box


def _leaning(label: QLabel) -> QLabel:
    """A text stands on the side where its own writing begins."""
    document = QTextDocument(label.text())
    label.setLayoutDirection(document.firstBlock().textDirection())
    return label
