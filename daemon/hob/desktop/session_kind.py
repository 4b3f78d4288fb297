"""What kind of screen this session has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

SessionKind = Literal["macos", "windows", "wayland", "x11", "none"]


def session_kind(platform: str, environ: Mapping[str, str]) -> SessionKind:
    """By sys.platform and the environment. A Wayland session has an X server too (XWayland), which
    knows nothing of Wayland's windows; so DISPLAY alone says nothing there."""
    if platform == "darwin":
        return "macos"
    if platform == "win32":
        return "windows"
    kind = environ.get("XDG_SESSION_TYPE", "").lower()
    display = environ.get("DISPLAY", "")
    if kind == "x11" and display:
        return "x11"
    if kind == "wayland" or environ.get("WAYLAND_DISPLAY"):
        return "wayland"
    return "x11" if display else "none"
