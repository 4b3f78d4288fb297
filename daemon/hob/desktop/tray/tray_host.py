"""Whether this desktop has a place for tray icons, and when it gets one.

Qt looks for a StatusNotifier host once in a process's life and never again; hence it must not be
asked before one is there. Older panels have none and take icons as X11 windows: for these it is
enough that somebody owns the selection _NET_SYSTEM_TRAY_S0.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, Literal

from PySide6.QtCore import QObject, QTimer
from PySide6.QtDBus import QDBusConnection, QDBusServiceWatcher
from PySide6.QtGui import QGuiApplication

Host = Literal["bus", "window", "none"]

WATCHER = "org.kde.StatusNotifierWatcher"
# A panel may start after us, and one on the bus is worth waiting for.
_PATIENCE_MS = 4000
_LOOK_EVERY_MS = 3000


class TrayHost(QObject):
    """Calls `found` once, when there is a place for an icon: over the bus, or a window's; and
    `missing` once, when there has been none for a while."""

    def __init__(self, found: Callable[[Host], None], missing: Callable[[], None]) -> None:
        super().__init__()
        self._found = found
        self._missing = missing
        self._patient = True
        self._selection = _Selection()
        self._watcher: QDBusServiceWatcher | None = None
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._look_again)

    def start(self) -> None:
        bus = QDBusConnection.sessionBus()
        if bus_has_host(bus):
            self._found("bus")
            return
        if bus.isConnected():
            mode = QDBusServiceWatcher.WatchModeFlag.WatchForRegistration
            self._watcher = QDBusServiceWatcher(WATCHER, bus, mode, self)
            self._watcher.serviceRegistered.connect(lambda _: self._end("bus"))
        self._timer.start(_PATIENCE_MS)

    def stop(self) -> None:
        self._timer.stop()
        if self._watcher is not None:
            self._watcher.setWatchedServices([])
        self._selection.close()

    def _look_again(self) -> None:
        if self._selection.is_owned():
            self._end("window")
        elif self._patient:
            self._patient = False
            self._timer.start(_LOOK_EVERY_MS)
            self._missing()

    def _end(self, host: Host) -> None:
        self.stop()
        self._found(host)


def bus_has_host(bus: QDBusConnection) -> bool:
    """Whether a StatusNotifier watcher is on the session's bus."""
    if not bus.isConnected():
        return False
    registered = bus.interface().isServiceRegistered(WATCHER)
    return bool(getattr(registered, "value", lambda: registered)())


class _Selection:
    """Who owns the tray of the X11 screen; nobody does on Wayland."""

    def __init__(self) -> None:
        self._display: Any = None
        self._atom = 0
        self._is_x11 = QGuiApplication.platformName() == "xcb"

    def is_owned(self) -> bool:
        if not self._is_x11:
            return False
        try:
            if self._display is None:
                self._open()
            return bool(self._display.get_selection_owner(self._atom))
        except Exception:
            self.close()
            self._is_x11 = False
            return False

    def _open(self) -> None:
        from Xlib.display import Display

        self._display = Display()
        number = self._display.get_default_screen()
        self._atom = self._display.intern_atom(f"_NET_SYSTEM_TRAY_S{number}")

    def close(self) -> None:
        if self._display is not None:
            with contextlib.suppress(Exception):
                self._display.close()
        self._display = None
