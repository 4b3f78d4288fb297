"""The attachments of the question that is being written, each with a button that removes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QMimeData, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QWidget

from hob.client.sanitize import one_line
from hob.desktop.prompt.attachments import Attachment, readable_size
from hob.desktop.prompt.blocks import plain_label

_MAX_NAME_CHARS = 28


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
    """A row of them, hidden while there is none."""

    removed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 2, 0, 4)
        self._row.setSpacing(6)
        self._row.addStretch()
        self._shown: tuple[Attachment, ...] = ()
        self.setAccessibleName("Attachments")
        self.hide()

    def show_all(self, attachments: Sequence[Attachment]) -> None:
        if tuple(attachments) == self._shown:
            return
        self._shown = tuple(attachments)
        while self._row.count() > 1:
            if (item := self._row.takeAt(0)) is not None and (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for place, attachment in enumerate(attachments):
            self._row.insertWidget(place, Chip(attachment, self.removed.emit))
        self.setVisible(bool(attachments))


def elided(name: str) -> str:
    """A name short enough for a chip, with its ending, which tells what it is."""
    if len(name) <= _MAX_NAME_CHARS:
        return name
    return f"{name[: _MAX_NAME_CHARS - 10]}…{name[-9:]}"


def _label(text: str, name: str) -> QLabel:
    label = plain_label(text, name)
    label.setWordWrap(False)
    return label


def takes(data: QMimeData) -> bool:
    """Whether what is dragged can become an attachment."""
    return data.hasImage() or data.hasUrls() or data.hasText()
