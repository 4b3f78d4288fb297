"""Qt inside a test's own process, on a screen that nobody sees."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication

from hob.desktop.immortal import keep_singletons


def application() -> QApplication:
    """The one application of the process."""
    there = QApplication.instance()
    if isinstance(there, QApplication):
        return there
    keep_singletons()
    # Not by the environment, which the programs that other tests start would inherit.
    return QApplication(["hob-tests", "-platform", "offscreen"])


def until(check: Callable[[], object], seconds: float = 30) -> None:
    """Let Qt work until `check` is true; fail when it is not in time."""
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, f"{check} stayed false for {seconds} s"
        QCoreApplication.processEvents()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
