"""A Qt program for tests of the clipboard: puts things on it as other programs do, or is a window
with a line to paste into.

    qt_owner.py edit FILE        a window called "line"; its text is kept in FILE
    qt_owner.py secret TEXT      a text that is marked as a password manager marks it
    qt_owner.py picture W H      a red picture, without text
"""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtCore import QMimeData
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtWidgets import QApplication, QLineEdit


def main() -> None:
    app = QApplication(sys.argv[:1])
    what, *rest = sys.argv[1:]
    if what == "edit":
        line = QLineEdit()
        line.setWindowTitle("line")
        line.setMaxLength(10_000_000)
        line.textChanged.connect(lambda text: Path(rest[0]).write_text(text))
        line.show()
    elif what == "secret":
        data = QMimeData()
        data.setText(rest[0])
        data.setData("x-kde-passwordManagerHint", b"secret")
        QGuiApplication.clipboard().setMimeData(data)
    else:
        image = QImage(int(rest[0]), int(rest[1]), QImage.Format.Format_RGB32)
        image.fill(0xFF0000)
        QGuiApplication.clipboard().setImage(image)
    app.exec()


if __name__ == "__main__":
    main()
