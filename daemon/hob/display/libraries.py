"""The system's libraries that Qt needs on Linux, and which packages bring them.

Qt ends the process with SIGABRT when its platform plugin does not load, so they are looked for
before. PySide6 brings Qt itself, and nothing of X11, Wayland, OpenGL and fonts; Qt 6.5 and later
need libxcb-cursor, which many desktops lack (https://doc.qt.io/qt-6/linux-requirements.html).
"""

from __future__ import annotations

import ctypes
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hob.display import Display


@dataclass(frozen=True)
class Library:
    """`debian` and `fedora` are the names of packages."""

    file: str
    debian: str
    fedora: str


_ALWAYS = (
    Library("libEGL.so.1", "libegl1", "libglvnd-egl"),
    Library("libGL.so.1", "libgl1", "libglvnd-glx"),
    Library("libfontconfig.so.1", "libfontconfig1", "fontconfig"),
    Library("libxkbcommon.so.0", "libxkbcommon0", "libxkbcommon"),
    Library("libdbus-1.so.3", "libdbus-1-3", "dbus-libs"),
    Library("libglib-2.0.so.0", "libglib2.0-0", "glib2"),
)
_X11 = (
    Library("libxcb-cursor.so.0", "libxcb-cursor0", "xcb-util-cursor"),
    Library("libxkbcommon-x11.so.0", "libxkbcommon-x11-0", "libxkbcommon-x11"),
    Library("libxcb-icccm.so.4", "libxcb-icccm4", "xcb-util-wm"),
    Library("libxcb-image.so.0", "libxcb-image0", "xcb-util-image"),
    Library("libxcb-keysyms.so.1", "libxcb-keysyms1", "xcb-util-keysyms"),
    Library("libxcb-render-util.so.0", "libxcb-render-util0", "xcb-util-renderutil"),
    Library("libxcb-shape.so.0", "libxcb-shape0", "libxcb"),
    Library("libxcb-randr.so.0", "libxcb-randr0", "libxcb"),
    Library("libX11-xcb.so.1", "libx11-xcb1", "libX11-xcb"),
)
_WAYLAND = (
    Library("libwayland-client.so.0", "libwayland-client0", "libwayland-client"),
    Library("libwayland-cursor.so.0", "libwayland-cursor0", "libwayland-cursor"),
)


def missing_libraries(
    display: Display,
    load: Callable[[str], object] = ctypes.CDLL,
    platform: str = sys.platform,
) -> list[Library]:
    """Those that cannot be loaded here, for windows on `display`. Each is loaded by trying."""
    if platform != "linux" or display.kind == "native":
        return []
    needed = _ALWAYS + (_X11 if display.kind == "x11" else _WAYLAND)
    return [library for library in needed if not _loads(library, load)]


def install_line(
    missing: Sequence[Library], which: Callable[[str], str | None] = shutil.which
) -> str:
    """The command that brings them, where the system's own is known; else their names."""
    debian = " ".join(dict.fromkeys(library.debian for library in missing))
    fedora = " ".join(dict.fromkeys(library.fedora for library in missing))
    if which("apt"):
        return f"`sudo apt install {debian}`"
    if which("dnf"):
        return f"`sudo dnf install {fedora}`"
    return f"your system's packages for {', '.join(library.file for library in missing)}"


def _loads(library: Library, load: Callable[[str], object]) -> bool:
    try:
        load(library.file)
    except OSError:
        return False
    return True
