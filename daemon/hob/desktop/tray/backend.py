"""Which backend of pystray draws the icon: the one place that knows which system this is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Protocol

from PIL import Image

from hob.desktop.tray.icons import PANEL_SIZES, draw
from hob.desktop.view import Phase

Pictures = Image.Image | tuple[Image.Image, ...]

# Those of macOS and Windows take one picture and scale it.
_SCALED_FROM = 64


class TrayIcon(Protocol):
    """What is used of a pystray.Icon."""

    icon: Any
    title: str
    menu: Any
    visible: bool

    def run_detached(self, setup: Callable[[Any], None] | None = None) -> None: ...

    def notify(self, message: str, title: str | None = None) -> None: ...

    def stop(self) -> None: ...


MakeIcon = Callable[[Pictures, Callable[[], None]], TrayIcon]


def make_icon(pictures: Pictures, missing: Callable[[], None]) -> TrayIcon:
    """An icon, not visible yet. `missing` is called when the desktop has no place for it."""
    icon: TrayIcon
    if sys.platform == "win32":
        from hob.desktop.tray.backend_windows import Icon as WindowsIcon

        icon = WindowsIcon("hob", pictures)
    elif sys.platform == "darwin":
        from hob.desktop.tray.backend_macos import Icon as MacIcon

        icon = MacIcon("hob", pictures)
    else:
        from hob.desktop.tray.qt_backend import Icon as QtIcon

        icon = QtIcon("hob", pictures, missing=missing)
    return icon


def pictures_of(phase: Phase, progress: int, platform: str = sys.platform) -> Pictures:
    """The icon as the platform's backend takes it."""
    if platform in {"win32", "darwin"}:
        return draw(phase, _SCALED_FROM, progress)
    return tuple(draw(phase, size, progress) for size in PANEL_SIZES)
