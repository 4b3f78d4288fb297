"""The window of the action menu: a line to type in, above a list."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, Qt, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleAnnouncementEvent,
    QColor,
    QCursor,
    QGuiApplication,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QStandardItem,
    QStandardItemModel,
    QWindow,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QFrame,
    QLabel,
    QLineEdit,
    QListView,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from hob.desktop.palette.delegate import DETAIL_ROLE, KEYS_ROLE, RowDelegate, dim
from hob.desktop.palette.rows import Row

_WIDTH = 640
_SHOWN_ROWS = 9
# How far below the top of the screen it stands, as a share of the screen's height.
_TOP = 0.18
_NUMBERED = 9
_SCROLL_BAR = """
    QScrollBar:vertical { width: 6px; background: transparent; }
    QScrollBar::handle:vertical { background: palette(mid); border-radius: 3px; min-height: 24px; }
    QScrollBar::add-line, QScrollBar::sub-line { height: 0; }
    QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
"""
_MARGIN = 8


class MenuWindow(QWidget):
    """Knows rows and keys, nothing of actions.

    `typed` tells the text of the line, `chosen` the number of a row, `left` that Escape was
    pressed, `back` that Backspace was in the empty line, `completed` that Tab was on a row,
    `forsaken` that another window has the focus now.
    """

    typed = Signal(str)
    chosen = Signal(int)
    left = Signal()
    back = Signal()
    completed = Signal(int)
    forsaken = Signal()

    def __init__(self, colours: Callable[[], QPalette]) -> None:
        flags = Qt.WindowType.Tool | Qt.WindowType.FramelessWindowHint
        super().__init__(None, flags | Qt.WindowType.WindowStaysOnTopHint)
        self._colours = colours
        self.setWindowTitle("Hob: actions")
        self.setAccessibleName("Actions of Hob")
        self.line = QLineEdit(self)
        self.list = QListView(self)
        self.label = _Line(self, "What is in the clipboard")
        self.begin = _Line(self, "How it begins")
        self.foot = _Line(self, "Hint")
        self._model = QStandardItemModel(self)
        # Since it was shown; until then the focus may wander.
        self._had_focus = False
        self._arrange()
        self.line.textEdited.connect(self.typed)
        self.line.installEventFilter(self)
        self.list.clicked.connect(lambda index: self.chosen.emit(index.row()))
        self.list.selectionModel().currentChanged.connect(lambda now, _: self._speak(now.row()))
        app = QApplication.instance()
        assert isinstance(app, QApplication), "windows need a QApplication"
        app.focusWindowChanged.connect(self._focus_moved)
        app.styleHints().colorSchemeChanged.connect(lambda _scheme: self.adapt_colours())
        self.adapt_colours()

    def _arrange(self) -> None:
        self.line.setFrame(False)
        self.line.setAccessibleName("Filter the actions")
        font = self.line.font()
        font.setPointSizeF(font.pointSizeF() * 1.35)
        self.line.setFont(font)
        self.line.setTextMargins(_MARGIN - 2, 6, _MARGIN - 2, 6)
        self.list.setModel(self._model)
        self.list.setItemDelegate(RowDelegate(self.list))
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setAccessibleName("Actions")
        self.list.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setUniformItemSizes(True)
        self.list.viewport().setAutoFillBackground(False)
        self.list.verticalScrollBar().setStyleSheet(_SCROLL_BAR)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 10, 8, 8)
        column.setSpacing(4)
        for widget in (self.label, self.begin, self.line, self.list, self.foot):
            column.addWidget(widget)
        self.setFixedWidth(_WIDTH)

    def adapt_colours(self) -> None:
        """Take over the colours of the system, which may have changed to light or dark."""
        palette = self._colours()
        self.setPalette(palette)
        faint = QPalette(palette)
        text = palette.color(QPalette.ColorRole.WindowText)
        faint.setColor(QPalette.ColorRole.WindowText, dim(text))
        for label in (self.begin, self.foot):
            label.setPalette(faint)
        bare = QPalette(palette)
        bare.setColor(QPalette.ColorRole.Base, QColor(0, 0, 0, 0))
        self.list.setPalette(bare)

    # ---- what is shown ----

    def show_rows(self, rows: Sequence[Row], current: int = 0) -> None:
        self._model.clear()
        for number, row in enumerate(rows):
            item = QStandardItem(row.title)
            item.setData(row.detail, DETAIL_ROLE)
            item.setData(row.keys or _number(number), KEYS_ROLE)
            item.setData(row.spoken, Qt.ItemDataRole.AccessibleTextRole)
            self._model.appendRow(item)
        self._fit()
        if rows:
            self.select(min(current, len(rows) - 1))

    def show_head(self, label: str, begin: str) -> None:
        self.label.setText(label)
        self.begin.setText(begin)
        self.begin.setVisible(bool(begin))
        self._fit()

    def show_foot(self, text: str) -> None:
        self.foot.setText(text)

    def ask(self, prompt: str, text: str = "") -> None:
        """Let the line ask for something else."""
        self.line.setText(text)
        self.line.setPlaceholderText(prompt)
        self.line.setAccessibleName(prompt)

    @property
    def current(self) -> int:
        """The number of the row that Enter takes; -1 for none."""
        return self.list.currentIndex().row()

    def select(self, number: int) -> None:
        self.list.setCurrentIndex(self._model.index(number, 0))

    def _fit(self) -> None:
        """As high as its rows, up to a limit."""
        row = self.list.sizeHintForRow(0) if self._model.rowCount() else 0
        self.list.setFixedHeight(row * min(self._model.rowCount(), _SHOWN_ROWS) + 2)
        self.list.setVisible(bool(self._model.rowCount()))
        if (column := self.layout()) is not None:
            column.activate()
        self.setFixedHeight(self.sizeHint().height())

    def _speak(self, number: int) -> None:
        """The focus stays in the line, so a screen reader must be told which row is meant."""
        item = self._model.item(number)
        if item is not None and self.isVisible():
            spoken = str(item.data(Qt.ItemDataRole.AccessibleTextRole))
            QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self.line, spoken))

    # ---- where it is shown ----

    def appear(self) -> None:
        """Show it in front, with the focus, on the screen with the pointer."""
        screen = QGuiApplication.screenAt(QCursor.pos()) or QGuiApplication.primaryScreen()
        room: QRect = screen.availableGeometry()
        self.setFixedWidth(min(_WIDTH, room.width()))
        across = room.left() + (room.width() - self.width()) // 2
        self.move(QPoint(across, room.top() + int(room.height() * _TOP)))
        self._had_focus = False
        self.show()
        self.raise_()
        self.activateWindow()
        if QGuiApplication.focusWindow() is self.windowHandle() and not self.isActiveWindow():
            # Hidden and shown again so quickly that X11 has not told of the loss of the focus: Qt
            # would never notice that the window is active, and show no cursor.
            QApplication.setActiveWindow(self)
            self._had_focus = True
        self.line.setFocus(Qt.FocusReason.ActiveWindowFocusReason)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """A thin line around it: without a frame it would melt into what is behind."""
        painter = QPainter(self)
        painter.setPen(dim(self.palette().color(QPalette.ColorRole.Mid)))
        painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

    def _focus_moved(self, window: QWindow | None) -> None:
        if window is not None and window is self.windowHandle():
            self._had_focus = True
        elif self._had_focus and self.isVisible():
            self.forsaken.emit()

    # ---- keys ----

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            return self._pressed(event)
        return super().eventFilter(watched, event)

    def _pressed(self, event: QKeyEvent) -> bool:
        """Whether the key was for the list; the others are for the line."""
        key, rows = event.key(), self._model.rowCount()
        alt = event.modifiers() & Qt.KeyboardModifier.AltModifier
        if alt and Qt.Key.Key_1 <= key <= Qt.Key.Key_9:
            if key - Qt.Key.Key_1 < rows:
                self.chosen.emit(key - Qt.Key.Key_1)
            return True
        moves = {
            Qt.Key.Key_Down: 1,
            Qt.Key.Key_Up: -1,
            Qt.Key.Key_PageDown: _SHOWN_ROWS,
            Qt.Key.Key_PageUp: -_SHOWN_ROWS,
        }
        if key in moves:
            self._move(moves[Qt.Key(key)], rows)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if rows:
                self.chosen.emit(self.current)
        elif key == Qt.Key.Key_Escape:
            self.left.emit()
        elif key == Qt.Key.Key_Tab:
            if rows:
                self.completed.emit(self.current)
        elif key == Qt.Key.Key_Backspace and not self.line.text():
            self.back.emit()
        else:
            return False
        return True

    def _move(self, by: int, rows: int) -> None:
        """One step goes around, a page stops at the end."""
        if rows:
            to = self.current + by
            self.select(to % rows if abs(by) == 1 else max(0, min(rows - 1, to)))


def _number(place: int) -> str:
    return f"Alt+{place + 1}" if place < _NUMBERED else ""


class _Line(QLabel):
    """A line of text that comes from strangers: never read as HTML, never wider than the window."""

    def __init__(self, parent: QWidget, name: str) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setContentsMargins(_MARGIN, 0, _MARGIN, 0)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        room = self.contentsRect()
        shown = self.fontMetrics().elidedText(
            self.text(), Qt.TextElideMode.ElideRight, room.width()
        )
        painter = QPainter(self)
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeading
        painter.drawText(room, int(flags) | int(Qt.TextFlag.TextSingleLine), shown)
