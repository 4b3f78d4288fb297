"""What the window says of the daemon and the model, and what can be done about it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from hob.client.sanitize import clean
from hob.desktop.prompt.labels import PlainLabel
from hob.desktop.prompt.states import BarState

# What only takes the words away again.
CLOSE = "close"

_NAMES = {"quiet": "muted", "busy": "", "warning": "warning", "problem": "problem"}


class StateBar(QFrame):
    """One sentence, its hint, a bar while something loads, and buttons. Hidden for nothing."""

    remedy = Signal(str)
    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("bar")
        self.setAccessibleName("State")
        self._state: BarState | None = None
        self._text = PlainLabel()
        self._hint = PlainLabel("", "muted")
        self._progress = QProgressBar()
        self._progress.setTextVisible(False)
        self._progress.setAccessibleName("Progress")
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(8)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 9, 12, 9)
        column.setSpacing(6)
        column.addWidget(self._text)
        column.addWidget(self._hint)
        column.addWidget(self._progress)
        column.addLayout(self._buttons)
        self.hide()

    @property
    def state(self) -> BarState | None:
        return self._state

    def show_state(self, state: BarState | None) -> None:
        if state == self._state:
            return
        before, self._state = self._state, state
        self.setVisible(state is not None)
        if state is None:
            self.changed.emit()
            return
        self._text.setObjectName(_NAMES[state.tone])
        self._text.say(state.text)
        self._hint.say(state.hint)
        self._hint.setVisible(bool(state.hint))
        self._show_progress(state.fraction)
        self.setAccessibleDescription(clean(f"{state.text} {state.hint}".strip()))
        if before is None or before.remedies != state.remedies:
            self._show_buttons(state)
        if before is None or before.tone != state.tone:
            self._text.style().polish(self._text)
        self.changed.emit()

    def focus_first(self) -> None:
        """The first button takes the focus."""
        item = self._buttons.itemAt(0)
        if item is not None and (button := item.widget()) is not None:
            button.setFocus(Qt.FocusReason.OtherFocusReason)

    def _show_progress(self, fraction: float | None) -> None:
        self._progress.setVisible(fraction is not None)
        if fraction is not None:
            # Qt moves a bar without an end to and fro.
            self._progress.setRange(0, 0 if fraction < 0 else 1000)
            self._progress.setValue(max(0, round(fraction * 1000)))

    def _show_buttons(self, state: BarState) -> None:
        while self._buttons.count():
            item = self._buttons.takeAt(0)
            if item is not None and (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for place, (remedy, text) in enumerate(state.remedies):
            self._buttons.addWidget(
                self._button(remedy, text, primary=place == 0 and remedy != CLOSE)
            )
        if state.remedies:
            self._buttons.addStretch()

    def _button(self, remedy: str, text: str, *, primary: bool) -> QWidget:
        button = QPushButton(text)
        button.setObjectName(f"remedy-{remedy}")
        button.setProperty("primary" if primary else "secondary", True)
        button.setCursor(Qt.CursorShape.PointingHandCursor)
        button.clicked.connect(lambda: self.remedy.emit(remedy))
        return button
