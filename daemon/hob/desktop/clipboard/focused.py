"""The clipboard by way of a focused window of our own: all that GNOME on Wayland allows.

Used on the GUI thread. Qt fetches there and waits for the other program, a second at most for each
type; there is no other way to read.
"""

from __future__ import annotations

from PySide6.QtCore import QBuffer, QIODevice
from PySide6.QtGui import QClipboard, QGuiApplication, QImage

from hob.desktop.clipboard.contents import (
    clean,
    is_secret,
    picture_clip,
    secret_refused,
    text_clip,
)
from hob.errors import DesktopRefused
from hob.wire.desktop import Clip


def read_focused(selection: str) -> Clip:
    """What the clipboard holds. Raises ClipboardSecret, and DesktopRefused without focus."""
    mode = _mode(selection)
    data = QGuiApplication.clipboard().mimeData(mode)
    if data is None:
        return Clip()
    formats = data.formats()
    if is_secret(formats):
        raise secret_refused()
    if data.hasText():
        return text_clip(data.text())
    if data.hasImage():
        image = QImage(data.imageData())
        buffer = QBuffer()
        buffer.open(QIODevice.OpenModeFlag.WriteOnly)
        image.save(buffer, "PNG")  # type: ignore[call-overload]
        return picture_clip(bytes(buffer.data().data()))
    return Clip()


def write_focused(text: str) -> None:
    """Put text on the clipboard. Raises DesktopRefused without focus."""
    _mode("CLIPBOARD")
    QGuiApplication.clipboard().setText(clean(text_clip(text).text))


def _mode(selection: str) -> QClipboard.Mode:
    if QGuiApplication.focusWindow() is None:
        raise DesktopRefused(
            "This desktop lets only the focused window use the clipboard, and that is none of "
            "Hob's now.",
            hint="Open Hob's prompt window, and read or copy there.",
        )
    if selection == "PRIMARY":
        if not QGuiApplication.clipboard().supportsSelection():
            raise DesktopRefused(
                "This desktop has no selection apart from the clipboard.",
                hint="Copy the text, and use the clipboard.",
            )
        return QClipboard.Mode.Selection
    return QClipboard.Mode.Clipboard
