"""The widgets that an answer is made of: running text, and code with a button that copies it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QSize, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import (
    QFocusEvent,
    QFontMetricsF,
    QKeyEvent,
    QResizeEvent,
    QTextCursor,
    QTextOption,
    QWheelEvent,
)
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QPlainTextEdit,
    QSizePolicy,
    QTextBrowser,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from hob.desktop.prompt.labels import PlainLabel
from hob.desktop.prompt.markdown import display_lines
from hob.desktop.prompt.prose import ProseWriter
from hob.desktop.prompt.theme import Colors, code_font, palette, scaled

_COPIED_MS = 1500
# Around the lines of code, in pixels.
_MARGIN = 9
# Of more lines the height is reckoned.
_MEASURED_LINES = 300


class ProseView(QTextBrowser):
    """Running text, as high as it needs to be. It loads nothing and opens nothing by itself."""

    wants_link = Signal(str)

    def __init__(self, colors: Colors, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("prose")
        self.setPalette(palette(colors))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setOpenLinks(False)
        self.setOpenExternalLinks(False)
        self.setUndoRedoEnabled(False)
        self.setTabChangesFocus(True)
        self.setAccessibleName("Answer")
        self.document().setDocumentMargin(0)
        option = QTextOption(self.document().defaultTextOption())
        option.setTextDirection(Qt.LayoutDirection.LayoutDirectionAuto)
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.document().setDefaultTextOption(option)
        self.document().documentLayout().documentSizeChanged.connect(self._fit)
        self.anchorClicked.connect(self._clicked)
        self._colors = colors
        self._writer = self._new_writer()
        self.setFixedHeight(0)

    def append_markdown(self, text: str) -> None:
        self._writer.cursor.beginEditBlock()
        self._writer.write(text)
        self._writer.cursor.endEditBlock()

    def show_markdown(self, text: str) -> None:
        """Instead of what stands here."""
        self.clear()
        self._writer = self._new_writer()
        self.append_markdown(text)

    def loadResource(self, kind: int, name: QUrl | str) -> Any:  # noqa: N802, ANN401
        """Nothing is ever loaded: no image, no style sheet, no page."""
        return None

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        event.ignore()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Keys that scroll are for the whole conversation."""
        scrolls = Qt.Key.Key_PageUp, Qt.Key.Key_PageDown, Qt.Key.Key_Space
        if event.key() in scrolls:
            event.ignore()
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._fit()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        super().focusOutEvent(event)
        if event.reason() is not Qt.FocusReason.PopupFocusReason:
            cursor = self.textCursor()
            cursor.clearSelection()
            self.setTextCursor(cursor)

    def _new_writer(self) -> ProseWriter:
        return ProseWriter(QTextCursor(self.document()), self._colors, self.font())

    def _fit(self, _size: object = None) -> None:
        self.setFixedHeight(int(self.document().size().height() + 0.999))

    def _clicked(self, address: QUrl) -> None:
        self.wants_link.emit(address.toString(QUrl.ComponentFormattingOption.FullyEncoded))


class CodeView(QFrame):
    """A code block. `copied` is given the code when its button is pressed."""

    def __init__(
        self, colors: Colors, copied: Callable[[str], None], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("code")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self._copied = copied
        self._code = ""
        self._shown = ""
        self._language = PlainLabel("code", "muted")
        self._language.setFont(scaled(self.font(), 0.88))
        # Beside the room that is to spare Qt would reckon with a narrow label of many lines.
        self._language.setWordWrap(False)
        self._button = QToolButton()
        self._button.setObjectName("copyCode")
        self._button.setText("Copy")
        self._button.setFont(scaled(self.font(), 0.88))
        self._button.setAccessibleName("Copy code")
        self._button.setAccessibleDescription("Copies this code block")
        self._button.clicked.connect(self._copy)
        self._text = _CodeText(colors)
        self._lay_out()

    @property
    def code(self) -> str:
        return self._code

    def show_code(self, language: str, code: str) -> None:
        """Instead of what stands here; code that has only grown is appended."""
        self._code = code
        self._language.say(language or "code")
        shown = display_lines(code)
        if shown == self._shown:
            return
        if self._shown and shown.startswith(self._shown):
            cursor = QTextCursor(self._text.document())
            cursor.movePosition(QTextCursor.MoveOperation.End)
            cursor.insertText(shown[len(self._shown) :])
        else:
            self._text.setPlainText(shown)
        self._shown = shown
        self._text.fit()

    def _lay_out(self) -> None:
        head = QFrame()
        head.setObjectName("codeHead")
        row = QHBoxLayout(head)
        row.setContentsMargins(11, 2, 4, 2)
        row.addWidget(self._language)
        row.addStretch()
        row.addWidget(self._button)
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 1, 1, 1)
        column.setSpacing(0)
        column.addWidget(head)
        column.addWidget(self._text)

    def _copy(self) -> None:
        self._copied(self._code)
        self._button.setText("Copied")
        QTimer.singleShot(_COPIED_MS, self._button, lambda: self._button.setText("Copy"))


class _CodeText(QPlainTextEdit):
    """The lines of code: never broken, scrolled sideways, always from left to right."""

    def __init__(self, colors: Colors) -> None:
        super().__init__()
        self.setObjectName("codeText")
        self.setPalette(palette(colors))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setReadOnly(True)
        self.setUndoRedoEnabled(False)
        self.setTabChangesFocus(True)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFont(code_font(self.font()))
        self.setAccessibleName("Code")
        self.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        self.document().setDocumentMargin(_MARGIN)
        option = QTextOption(self.document().defaultTextOption())
        option.setTextDirection(Qt.LayoutDirection.LeftToRight)
        self.document().setDefaultTextOption(option)
        self.horizontalScrollBar().rangeChanged.connect(self.fit)

    def fit(self, *_: object) -> None:
        bar = self.horizontalScrollBar()
        scrolls = bar.sizeHint().height() if bar.maximum() > 0 else 0
        self.setFixedHeight(math.ceil(self._lines_height()) + 1 + scrolls)

    def _lines_height(self) -> float:
        """With the margins, as Qt has set them: signs from another font make a line higher."""
        block = self.document().firstBlock()
        count = self.document().blockCount()
        if count > _MEASURED_LINES:
            return count * math.ceil(QFontMetricsF(self.font()).lineSpacing()) + 2 * _MARGIN
        # The last one has the lower margin in it.
        height = float(_MARGIN)
        while block.isValid():
            height += self.blockBoundingRect(block).height()
            block = block.next()
        return height

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(100, self.height())

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        """Sideways it scrolls here, up and down the conversation does."""
        if abs(event.angleDelta().x()) > abs(event.angleDelta().y()):
            super().wheelEvent(event)
        else:
            event.ignore()
