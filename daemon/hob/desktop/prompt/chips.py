"""The attachments of the question that is being written, each with a button that removes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QMimeData, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from hob.client.sanitize import one_line
from hob.desktop.prompt.attachments import Attachment, readable_size
from hob.desktop.prompt.labels import PlainLabel

_MAX_NAME_CHARS = 28
# What the narrowest window has room for.
_ROW_PX = 600
_GAP_PX = 6


class Chip(QFrame):
    """One attachment. It takes the focus; Delete and Backspace remove it."""

    def __init__(self, attachment: Attachment, remove: Callable[[Attachment], None]) -> None:
        super().__init__()
        self.setObjectName("chip")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.attachment = attachment
        self._remove = remove
        name = one_line(attachment.name)
        self.setAccessibleName(f"Attachment: {name}, {readable_size(attachment)}")
        self.setAccessibleDescription("Delete removes it")
        row = QHBoxLayout(self)
        row.setContentsMargins(9, 2, 2, 2)
        row.setSpacing(6)
        row.addWidget(_label(elided(name), ""))
        row.addWidget(_label(readable_size(attachment), "muted"))
        row.addWidget(self._button(name))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if event.key() in {Qt.Key.Key_Delete, Qt.Key.Key_Backspace}:
            self._remove(self.attachment)
        else:
            super().keyPressEvent(event)

    def _button(self, name: str) -> QToolButton:
        button = QToolButton()
        button.setText("\N{MULTIPLICATION SIGN}")
        button.setAccessibleName(f"Remove {name}")
        button.clicked.connect(lambda: self._remove(self.attachment))
        return button


class Chips(QWidget):
    """Rows of them, hidden while there is none."""

    removed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 2, 0, 4)
        self._column.setSpacing(6)
        self._rows: list[QWidget] = []
        self._shown: tuple[Attachment, ...] = ()
        self.setAccessibleName("Attachments")
        self.hide()

    def show_all(self, attachments: Sequence[Attachment]) -> None:
        if tuple(attachments) == self._shown:
            return
        self._shown = tuple(attachments)
        for row in self._rows:
            self._column.removeWidget(row)
            row.hide()
            row.deleteLater()
        chips = [Chip(attachment, self.removed.emit) for attachment in attachments]
        self._rows = [_row(some) for some in _in_rows(chips)]
        for row in self._rows:
            self._column.addWidget(row)
        self.setVisible(bool(attachments))


def _in_rows(chips: Sequence[Chip]) -> list[list[Chip]]:
    """As many beside each other as there is room for."""
    rows: list[list[Chip]] = []
    left = 0
    for chip in chips:
        width = chip.sizeHint().width() + _GAP_PX
        if not rows or width > left:
            rows.append([])
            left = _ROW_PX
        rows[-1].append(chip)
        left -= width
    return rows


def _row(chips: Sequence[Chip]) -> QWidget:
    made = QWidget()
    row = QHBoxLayout(made)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(_GAP_PX)
    for chip in chips:
        row.addWidget(chip)
    row.addStretch()
    return made


def elided(name: str) -> str:
    """A name short enough for a chip, with its ending, which tells what it is."""
    if len(name) <= _MAX_NAME_CHARS:
        return name
    return f"{name[: _MAX_NAME_CHARS - 10]}…{name[-9:]}"


def _label(text: str, name: str) -> QLabel:
    label = PlainLabel(text, name)
    label.setWordWrap(False)
    return label


def takes(data: QMimeData) -> bool:
    """Whether what is dragged can become an attachment."""
    return data.hasImage() or data.hasUrls() or data.hasText()
