"""pystray's backend for Windows, with menus that stay while they are open."""

from __future__ import annotations

from typing import Any

from hob.desktop.tray.menu_guard import MenuGuard
from hob.desktop.tray.toolkit import pystray

_Base: Any = pystray.Icon


class Icon(MenuGuard, _Base):  # type: ignore[misc]
    """Its menus live on a thread of their own, where what is chosen is called."""
