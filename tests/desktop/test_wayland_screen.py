"""The tests' own Wayland desktop is one that other programs find."""

from __future__ import annotations

import sys
from pathlib import Path

from desktop.wayland import WaylandScreen
from live_daemon import eventually

_PROGRAM = """
import sys
from PySide6 import QtWidgets
app = QtWidgets.QApplication(sys.argv)
line = QtWidgets.QLineEdit()
line.setWindowTitle("somebody")
line.textChanged.connect(lambda text: open(sys.argv[1], "w").write(text))
line.show()
app.exec()
"""


def test_a_window_of_qt_is_shown_and_gets_the_keys(tmp_path: Path) -> None:
    told = tmp_path / "told"
    with WaylandScreen() as screen:
        program = tmp_path / "program.py"
        program.write_text(_PROGRAM)
        screen.spawn(sys.executable, str(program), str(told))
        eventually(lambda: '"focused": true' in screen.windows() and "somebody" in screen.windows())
        before = screen.picture()

        def typed() -> bool:
            # The first key may come before the program has the keyboard's map.
            screen.type("x")
            return told.exists() and "x" in told.read_text()

        eventually(typed)
        assert screen.picture().size == before.size
