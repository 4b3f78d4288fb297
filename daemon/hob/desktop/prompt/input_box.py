"""Where the question is written. It grows with its lines."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QMimeData, Qt, Signal
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragMoveEvent,
    QDropEvent,
    QInputMethodEvent,
    QKeyEvent,
    QKeySequence,
    QResizeEvent,
    QTextCursor,
    QTextOption,
)
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QWidget

from hob.desktop.prompt.keys import is_shortcut

MAX_LINES = 8
# A longer text is what the question is about rather than the question.
MAX_PASTED_CHARS = 2_000
MAX_PASTED_LINES = 30

_ENTER = Qt.Key.Key_Return, Qt.Key.Key_Enter
_SHIFT = Qt.KeyboardModifier.ShiftModifier
_CONTROL = Qt.KeyboardModifier.ControlModifier


class InputBox(QPlainTextEdit):
    """Enter sends, Shift+Enter breaks the line, Up and Down recall.

    `brought` is given what was pasted or dropped and is no short text; whoever hears it attaches
    it. While an input method composes, all keys are its own.
    """

    send = Signal()
    earlier = Signal()
    later = Signal()
    removes = Signal()
    scrolls = Signal(int)
    brought = Signal(object)
    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("questionBox")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setPlaceholderText("Ask anything…")
        self.setAccessibleName("Question")
        self.setAccessibleDescription("Enter asks, Shift+Enter begins a new line")
        self.setTabChangesFocus(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        option = QTextOption(self.document().defaultTextOption())
        option.setTextDirection(Qt.LayoutDirection.LayoutDirectionAuto)
        self.document().setDefaultTextOption(option)
        self.document().setDocumentMargin(2)
        self._composing = False
        self.textChanged.connect(self._fit)
        self.textChanged.connect(self.changed)

    @property
    def composing(self) -> bool:
        """Whether an input method has text that is not final."""
        return self._composing

    def put(self, text: str) -> None:
        """Instead of what stands here, so that undo brings it back; the cursor at the end."""
        cursor = self.textCursor()
        cursor.select(QTextCursor.SelectionType.Document)
        cursor.insertText(text)
        cursor.movePosition(QTextCursor.MoveOperation.End)
        self.setTextCursor(cursor)

    def break_line(self) -> None:
        self.textCursor().insertBlock()
        self.ensureCursorVisible()

    def event(self, event: QEvent) -> bool:
        """The window's combinations are the window's, also those that a text field knows."""
        overrides = event.type() is QEvent.Type.ShortcutOverride
        if overrides and isinstance(event, QKeyEvent) and is_shortcut(_keys(event)):
            event.ignore()
            return False
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if self._composing and event.key() in _ENTER:
            # Some input methods let through the key that ends what they compose.
            event.accept()
        elif self._composing or not self._own(event):
            super().keyPressEvent(event)

    def _own(self, event: QKeyEvent) -> bool:
        """Whether the key means something of its own here, and is done."""
        key, held = event.key(), event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        plain = held == Qt.KeyboardModifier.NoModifier
        if key in _ENTER and plain:
            self.send.emit()
        elif key in _ENTER and held == _SHIFT:
            self.break_line()
        elif key in _ENTER and held == _CONTROL:
            # The window's.
            event.ignore()
        elif key == Qt.Key.Key_Up and plain and self._at_edge(QTextCursor.MoveOperation.Up):
            self.earlier.emit()
        elif key == Qt.Key.Key_Down and plain and self._at_edge(QTextCursor.MoveOperation.Down):
            self.later.emit()
        elif key == Qt.Key.Key_PageUp and plain:
            self.scrolls.emit(-1)
        elif key == Qt.Key.Key_PageDown and plain:
            self.scrolls.emit(1)
        elif key == Qt.Key.Key_Backspace and plain and self.document().isEmpty():
            self.removes.emit()
        else:
            return False
        return True

    def _at_edge(self, way: QTextCursor.MoveOperation) -> bool:
        """Whether the cursor cannot go further that way."""
        cursor = QTextCursor(self.textCursor())
        return not cursor.movePosition(way)

    def inputMethodEvent(self, event: QInputMethodEvent) -> None:  # noqa: N802
        super().inputMethodEvent(event)
        self._composing = bool(event.preeditString())

    # ---- what is pasted or dropped ----

    def canInsertFromMimeData(self, source: QMimeData) -> bool:  # noqa: N802
        return source.hasImage() or source.hasUrls() or source.hasText()

    def insertFromMimeData(self, source: QMimeData) -> None:  # noqa: N802
        text = source.text() if source.hasText() and not source.hasUrls() else ""
        if source.hasImage() or source.hasUrls() or is_long(text):
            self.brought.emit(source)
        else:
            # As plain text, whatever else the source offers.
            self.textCursor().insertText(text.replace("\0", ""))
            self.ensureCursorVisible()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        """The window takes what is dropped, wherever it is dropped."""
        event.ignore()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:  # noqa: N802
        event.ignore()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        event.ignore()

    # ---- its height ----

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() is QEvent.Type.FontChange:
            self._fit()

    def _fit(self) -> None:
        """As high as its lines, up to eight; then it scrolls."""
        lines = 0
        block = self.document().firstBlock()
        while block.isValid() and lines <= MAX_LINES:
            lines += max(1, block.layout().lineCount())
            block = block.next()
        scrolls = lines > MAX_LINES
        shown = min(lines, MAX_LINES)
        self.setFixedHeight(shown * self.fontMetrics().lineSpacing() + 8)
        policy = Qt.ScrollBarPolicy
        wanted = policy.ScrollBarAsNeeded if scrolls else policy.ScrollBarAlwaysOff
        if self.verticalScrollBarPolicy() is not wanted:
            self.setVerticalScrollBarPolicy(wanted)
        if not scrolls:
            self.verticalScrollBar().setValue(0)


def _keys(event: QKeyEvent) -> QKeySequence:
    return QKeySequence(event.keyCombination())


def is_long(text: str) -> bool:
    """Whether a pasted text is rather an attachment."""
    return len(text) > MAX_PASTED_CHARS or text.count("\n") > MAX_PASTED_LINES
