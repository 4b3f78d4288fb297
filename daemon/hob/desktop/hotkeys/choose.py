"""Which way a session lets programs have hotkeys."""

from __future__ import annotations

from collections.abc import Mapping

from hob.wire.desktop import HotkeyWay


def way_here(platform: str, environ: Mapping[str, str]) -> HotkeyWay:
    """The way to try. A Wayland session has an X server too (XWayland), which hears no keys while
    a Wayland window has the focus; so DISPLAY alone says nothing there."""
    if platform in ("darwin", "win32"):
        return "native"
    kind = environ.get("XDG_SESSION_TYPE", "").lower()
    display = environ.get("DISPLAY", "")
    if kind == "x11" and display:
        return "x11"
    if kind == "wayland" or environ.get("WAYLAND_DISPLAY"):
        return "portal"
    return "x11" if display else "none"
