"""Which version this is, in a window."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox

from hob import __version__
from hob.desktop.tray.qt_icons import window_icon
from hob.desktop.tray.tooltip import headline
from hob.desktop.view import DaemonView
from hob.paths import Paths

_ICON_PIXELS = 96
# The one that is open; a window without an owner would be gone at once.
_open: list[QMessageBox] = []


def about_text(view: DaemonView, paths: Paths) -> str:
    """What a person who asks for help will be asked for."""
    daemon = "Hob is not running."
    if view.status is not None and view.phase != "away":
        other = view.status.version != __version__
        restart = " It is another version: hob restart." if other else ""
        daemon = f"Daemon {view.status.version}, pid {view.status.pid}.{restart}"
    return (
        f"{daemon}\n{headline(view)}\n\n"
        f"Settings: {paths.config_file}\nLog: {paths.log_file}\n\n"
        "Everything stays on this computer. Apache License 2.0"
    )


def show_about(view: DaemonView, paths: Paths) -> None:
    """One window at a time, which hinders no other."""
    if _open:
        _open[0].raise_()
        _open[0].activateWindow()
        return
    box = QMessageBox()
    box.setWindowTitle("About Hob")
    box.setWindowIcon(window_icon())
    box.setIconPixmap(window_icon().pixmap(_ICON_PIXELS, _ICON_PIXELS))
    # Names of models stand in it, which are nobody's markup.
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setText(f"Hob {__version__}")
    box.setInformativeText(about_text(view, paths))
    box.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    box.setWindowModality(Qt.WindowModality.NonModal)
    box.finished.connect(lambda _: _open.clear())
    _open.append(box)
    box.show()
