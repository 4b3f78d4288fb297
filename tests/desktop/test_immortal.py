from __future__ import annotations

import subprocess
import sys

# A hundred thousand calls that return nothing: without help this ends Python 3.11.
PROGRAM = """
import hob.desktop
from PySide6.QtCore import QObject, QRect, Signal

class Bell(QObject):
    rung = Signal(int)

bell, room = Bell(), QRect()
bell.rung.connect(lambda number: None)
for number in range(100_000):
    room.setLeft(number)
    bell.rung.emit(number)
print("alive")
"""


def test_calls_of_qt_do_not_use_up_none() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.stdout, done.returncode) == ("alive\n", 0), done.stderr
