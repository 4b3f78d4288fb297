"""The tray as one thing: it shows what the daemon does, and does what is chosen in its menu."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable, Mapping

from hob.desktop.parts import Parts, Windows
from hob.desktop.tray.backend import MakeIcon, make_icon, pictures_of
from hob.desktop.tray.commands import Commands, Surroundings
from hob.desktop.tray.icons import step
from hob.desktop.tray.items import Command, Item
from hob.desktop.tray.launch import Launcher, make_launcher
from hob.desktop.tray.login_item import LoginItem, make_login_item
from hob.desktop.tray.menu import ASK, Local, build
from hob.desktop.tray.toolkit import menu
from hob.desktop.tray.tooltip import tooltip
from hob.desktop.view import DaemonView, Phase
from hob.paths import Paths


class Tray:
    """Shows itself when made, and stays until `close`. Made and used on the GUI thread.

    `quit` ends the desktop. The rest is for tests: who opens files and terminals, starts Hob at
    login, and draws.
    """

    def __init__(
        self,
        parts: Parts,
        windows: Windows,
        *,
        quit: Callable[[], None],
        paths: Paths,
        environ: Mapping[str, str] = os.environ,
        launcher: Launcher | None = None,
        login_item: LoginItem | None = None,
        make: MakeIcon = make_icon,
    ) -> None:
        self._parts = parts
        self._closed = False
        around = Surroundings(
            parts,
            windows,
            quit,
            paths,
            launcher or make_launcher(environ),
            login_item or make_login_item(environ),
        )
        self._commands = Commands(around, self._login_changed)
        self._view = parts.bridge.view
        self._local = Local(paths, sys.platform)
        self._items: tuple[Item, ...] = ()
        self._drawn: tuple[Phase, int] | None = None
        phase, progress = _drawn(self._view)
        self._icon = make(pictures_of(phase, progress), self._missing)
        parts.bridge.watch(self._told)
        self._commands.read_login()
        # Called on a thread of pystray's, once the backend is ready.
        self._icon.run_detached(lambda _: parts.bridge.post(self._appear))

    def close(self) -> None:
        """Take the icon away."""
        self._closed = True
        self._icon.stop()

    def balloon(self, title: str, text: str) -> None:
        """Show a notice at the icon, for systems that have nothing better."""
        self._icon.notify(text, title)

    def _appear(self) -> None:
        if not self._closed:
            self._icon.visible = True

    def _told(self, view: DaemonView) -> None:
        self._view = view
        self._refresh()

    def _login_changed(self, starts: bool) -> None:
        self._local = dataclasses.replace(self._local, starts_at_login=starts)
        self._refresh()

    def _refresh(self) -> None:
        """Hand on only what differs, since each of these goes over the bus to the panel."""
        if self._closed:
            return
        drawn = _drawn(self._view)
        if drawn != self._drawn:
            self._drawn = drawn
            self._icon.icon = pictures_of(*drawn)
        self._icon.title = tooltip(self._view)
        items = build(self._view, self._local)
        if items != self._items:
            self._items = items
            self._icon.menu = menu(items, self._chosen)

    def _chosen(self, command: Command) -> None:
        # On Windows the menu lives on another thread.
        self._parts.bridge.post(lambda: self._commands.do(command))

    def _missing(self) -> None:
        """Said once: without a tray nobody would know that Hob runs."""
        hotkey = next((a.hotkey for a in self._view.actions if a.name == ASK and a.hotkey), "")
        way = f"{hotkey} opens Hob" if hotkey else "`hob action run ask` opens Hob"
        self._parts.notices.show(
            "There is no place for Hob's icon",
            f"This desktop shows no tray, so the icon and its menu are missing; {way} all the"
            " same. GNOME shows a tray with the extension AppIndicator, sway its bar or waybar."
            " The icon comes by itself once there is a tray.",
        )


def _drawn(view: DaemonView) -> tuple[Phase, int]:
    """What of a view the icon shows."""
    return view.phase, step(view.load_fraction) if view.phase == "loading" else 0
