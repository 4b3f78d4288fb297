"""The line at the bottom: who answers, and the keys that are worth knowing now."""

from __future__ import annotations

import sys
from collections.abc import Callable

from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QKeySequence, QPainter, QPaintEvent, QPalette, QPen, QPolygonF
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QListView,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from hob.client.sanitize import one_line
from hob.desktop.prompt.commands import COMMANDS, Command, Name, Situation, hinted, usable
from hob.desktop.prompt.states import chat_models, short_name
from hob.desktop.prompt.theme import scaled
from hob.desktop.view import DaemonView

_ARROW_PX = 10
_SYMBOLS = {"Return": "↵"} if sys.platform != "darwin" else {}


class _Models(QComboBox):
    """A flat list with a small arrow, which style sheets cannot draw."""

    def __init__(self) -> None:
        super().__init__()
        # A style sheet gives the rows of the usual list no room.
        self.setView(QListView())

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self.palette().color(QPalette.ColorRole.PlaceholderText), 1.4))
        leftwards = self.layoutDirection() is Qt.LayoutDirection.RightToLeft
        x = _ARROW_PX if leftwards else self.width() - _ARROW_PX
        y = self.height() / 2
        points = [QPointF(x - 3, y - 1.5), QPointF(x, y + 1.5), QPointF(x + 3, y - 1.5)]
        painter.drawPolyline(QPolygonF(points))


class Footer(QWidget):
    """`model_chosen` is given a model's name, or nothing for the one that is kept warm."""

    model_chosen = Signal(str)

    def __init__(self, do: Callable[[Name], None]) -> None:
        super().__init__()
        self._models = _Models()
        self._models.setObjectName("models")
        self._models.setAccessibleName("Model")
        self._models.setAccessibleDescription("Who answers in this conversation")
        self._models.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self._models.setFont(scaled(self.font(), 0.92))
        self._models.setMinimumWidth(90)
        self._models.setMaximumWidth(300)
        self._models.activated.connect(self._activated)
        self._items: list[tuple[str, str]] = []
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 3, 10, 4)
        row.setSpacing(2)
        row.addWidget(self._models)
        row.addStretch()
        self._hints = {command.name: self._hint(command, do) for command in COMMANDS}
        for hint in self._hints.values():
            row.addWidget(hint)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    @property
    def models(self) -> QComboBox:
        return self._models

    def open_models(self) -> None:
        self._models.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._models.showPopup()

    def anchor(self, name: Name) -> QToolButton:
        """The button of a command."""
        return self._hints[name]

    def show_models(self, view: DaemonView, model: str) -> None:
        """Offer those that can chat; `model` is the conversation's."""
        items = model_items(view, model)
        if items != self._items:
            self._items = items
            self._models.clear()
            for text, name in items:
                self._models.addItem(text, name)
            self._models.setEnabled(bool(view.models))
        self._models.setCurrentIndex(self._models.findData(model))

    def show_hints(self, now: Situation) -> None:
        shown = hinted(now)
        for name, button in self._hints.items():
            button.setVisible(name in shown)
            button.setEnabled(usable(name, now))

    def _hint(self, command: Command, do: Callable[[Name], None]) -> QToolButton:
        button = QToolButton()
        button.setObjectName("hint")
        button.setText(f"{command.text}  {keys_text(command.keys)}")
        button.setFont(scaled(self.font(), 0.88))
        button.setAccessibleName(command.text)
        button.setAccessibleDescription(f"{command.help} {command.keys}")
        button.setToolTip(command.help)
        button.clicked.connect(lambda: do(command.name))
        button.hide()
        return button

    def _activated(self, index: int) -> None:
        self.model_chosen.emit(str(self._models.itemData(index)))


def model_items(view: DaemonView, model: str) -> list[tuple[str, str]]:
    """What stands in the list, and the name that it means."""
    chosen = one_line(short_name(view.chosen)) if view.chosen else "No model chosen"
    items = [(f"{chosen} (kept warm)" if view.chosen else chosen, "")]
    names = [entry.info.name for entry in chat_models(view) if entry.info.name != view.chosen]
    if model and model not in names:
        names.append(model)
    return items + [(one_line(short_name(name)), name) for name in names]


def keys_text(keys: str) -> str:
    """A combination as this system writes it."""
    text = QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText)
    for word, symbol in _SYMBOLS.items():
        text = text.replace(word, symbol)
    return text
