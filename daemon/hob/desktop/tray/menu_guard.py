"""Keeps a menu of Windows from being destroyed while it is open."""

from __future__ import annotations

import threading
from typing import Any


class MenuGuard:
    """Goes before pystray's Icon for Windows, whose own `_update_menu` destroys the menu at once.

    That may be on another thread than the one that shows the menu, and what is chosen then would
    be lost. A change that comes while the menu is open is made once it has closed.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - pystray's own
        self._guard = threading.RLock()
        self._is_open = False
        self._is_stale = False
        super().__init__(*args, **kwargs)

    def _on_notify(self, wparam: int, lparam: int) -> Any:  # noqa: ANN401
        with self._guard:
            self._is_open = True
        try:
            return super()._on_notify(wparam, lparam)  # type: ignore[misc]
        finally:
            with self._guard:
                self._is_open = False
                if self._is_stale:
                    self._update_menu()

    def _update_menu(self) -> None:
        with self._guard:
            self._is_stale = self._is_open
            if not self._is_open:
                super()._update_menu()  # type: ignore[misc]
