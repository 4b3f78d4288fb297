"""A backend of pystray over Qt's QSystemTrayIcon: what Linux uses.

It speaks StatusNotifierItem with its menus on X11 and Wayland, and falls back to windows in a panel
of X11. All methods are called on the GUI thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PIL import Image
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QMenu, QSystemTrayIcon

from hob.desktop.tray.qt_icons import icon_of
from hob.desktop.tray.qt_menu import QtMenu
from hob.desktop.tray.toolkit import pystray
from hob.desktop.tray.tray_host import Host, TrayHost

# pystray's own, of which every backend is a subclass.
_Base: Any = pystray.Icon


class Icon(_Base):  # type: ignore[misc]
    """pystray's Icon. `icon` is a picture, or the same one in several sizes; `missing` is called
    when this desktop shows no tray. The icon appears by itself if there is one later."""

    def __init__(
        self,
        name: str,
        icon: Image.Image | tuple[Image.Image, ...] | None = None,
        title: str | None = None,
        menu: Any = None,  # noqa: ANN401 - a pystray.Menu
        *,
        missing: Callable[[], None] = lambda: None,
    ) -> None:
        self._tray: QSystemTrayIcon | None = None
        self._lines: QtMenu | None = None
        self._host = TrayHost(self._appear, missing)
        super().__init__(name, icon, title, menu)

    def _show(self) -> None:
        if self._tray is not None:
            self._tray.show()
        else:
            self._host.start()

    def _hide(self) -> None:
        self._host.stop()
        if self._tray is not None:
            self._tray.hide()

    def _appear(self, host: Host) -> None:
        """Make the icon, now that there is a place for it."""
        self._tray = QSystemTrayIcon()
        self._lines = QtMenu(QMenu(), self._chosen, over_bus=host == "bus")
        self._tray.activated.connect(self._activated)
        self._update_icon()
        self._update_title()
        self._update_menu()
        self._tray.setContextMenu(self._lines.menu)
        self._tray.show()

    def _update_icon(self) -> None:
        self._icon_valid = True
        if self._tray is not None:
            self._tray.setIcon(self._qicon())

    def _update_title(self) -> None:
        if self._tray is not None:
            self._tray.setToolTip(self.title)

    def _update_menu(self) -> None:
        if self._lines is None or self._tray is None:
            return
        if self._lines.show(self.menu or ()) and self._tray.contextMenu() is not None:
            # Submenus made later become known to the panel only by this.
            self._tray.setContextMenu(self._lines.menu)

    def _run_detached(self) -> None:
        self._mark_ready()

    def _stop(self) -> None:
        self._hide()
        self._visible = False
        if self._lines is not None:
            self._lines.menu.deleteLater()
            self._lines = None
        if self._tray is not None:
            self._tray.deleteLater()
            self._tray = None

    def _notify(self, message: str, title: str | None = None) -> None:
        if self._tray is not None:
            self._tray.showMessage(title or self.title, message, self._qicon())

    def _remove_notification(self) -> None:
        """Qt has no way to take a message back; it goes by itself."""

    def _qicon(self) -> QIcon:
        return icon_of(self._icon if isinstance(self._icon, tuple) else (self._icon,))

    def _activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason is QSystemTrayIcon.ActivationReason.Trigger:
            self()

    def _chosen(self, item: Any) -> None:  # noqa: ANN401 - a pystray.MenuItem
        # With what pystray does for every backend: the menu is brought up to date afterwards.
        self._handler(item)(self)
