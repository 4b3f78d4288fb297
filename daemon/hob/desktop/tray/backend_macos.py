"""pystray's backend for macOS, in a process whose main loop is Qt's."""

from __future__ import annotations

from typing import Any

from hob.desktop.tray.toolkit import pystray

_Base: Any = pystray.Icon


class Icon(_Base):  # type: ignore[misc]
    """Shares Qt's NSApplication, which is the process's only one and pystray's default."""

    def _stop(self) -> None:
        # pystray would stop the NSApplication, and Qt's windows with it.
        self._status_bar.removeStatusItem_(self._status_item)
