"""The window as the system sees it: on top of everything, without a frame, hidden when closed."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QLocale, QMimeData, Qt
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDropEvent,
    QGuiApplication,
    QHideEvent,
    QMouseEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QApplication, QWidget

from hob.desktop.prompt.chips import takes

_FLAGS = Qt.WindowType.Tool | Qt.WindowType.FramelessWindowHint | Qt.WindowType.WindowStaysOnTopHint


class Shell(QWidget):
    """Whoever derives from it is told what happens by the methods that do nothing here."""

    def __init__(self) -> None:
        super().__init__(None, _FLAGS)
        self.setAcceptDrops(True)
        self.setAttribute(Qt.WidgetAttribute.WA_QuitOnClose, on=False)
        self.setAttribute(Qt.WidgetAttribute.WA_MacAlwaysShowToolWindow)
        self.setLayoutDirection(QLocale.system().textDirection())
        # An X server without a compositor would paint black what should be seen through.
        self.rounded = QGuiApplication.platformName() != "xcb"
        self.setAttribute(Qt.WidgetAttribute.WA_TranslucentBackground, self.rounded)

    def dropped(self, data: QMimeData) -> None:
        """Something was dropped on it."""

    def resized(self) -> None:
        """It has another size now."""

    def rest(self) -> None:
        """Nobody writes in it any more."""

    def dress(self) -> None:
        """The system looks another way now."""

    def take_focus(self) -> None:
        """Come to the front, with the keys."""
        self.raise_()
        self.activateWindow()
        if QGuiApplication.focusWindow() is self.windowHandle() and not self.isActiveWindow():
            # Hidden and shown again before X11 has told of the loss of the focus: Qt would never
            # notice that the window is active.
            QApplication.setActiveWindow(self)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Where there is nothing else, the window is taken hold of."""
        handle = self.windowHandle()
        if event.button() is Qt.MouseButton.LeftButton and handle is not None:
            handle.startSystemMove()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        if takes(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        event.acceptProposedAction()
        self.dropped(event.mimeData())

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self.resized()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802
        super().hideEvent(event)
        self.rest()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() is QEvent.Type.ThemeChange:
            self.dress()
        elif event.type() is QEvent.Type.ActivationChange and not self.isActiveWindow():
            self.rest()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        """A window manager's close hides, as Esc does."""
        event.ignore()
        self.hide()
