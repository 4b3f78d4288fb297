"""Calls from any thread to the GUI's."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, Signal, Slot


class Poster(QObject):
    """Made on the GUI thread. Signals are the way between threads that Qt promises to be safe."""

    _posted = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._posted.connect(self._make, Qt.ConnectionType.QueuedConnection)

    def post(self, call: Callable[[], None]) -> None:
        """Have `call` made on the GUI thread, in the order of posting. When the desktop has ended
        nothing happens any more."""
        try:
            self._posted.emit(call)
        except RuntimeError:
            # The C++ half has been deleted: a thread was slower than the end.
            return

    @Slot(object)
    def _make(self, call: Callable[[], None]) -> None:
        call()
