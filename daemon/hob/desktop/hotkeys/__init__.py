"""Global hotkeys: one implementation for each kind of session, and one chooser."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from hob.desktop.parts import Hotkeys, HotkeysTold, Pressed
from hob.desktop.session_kind import session_kind


def make_hotkeys(
    bridge_post: Callable[[Callable[[], None]], None], pressed: Pressed, told: HotkeysTold
) -> Hotkeys:
    """The hotkeys of this session. `bridge_post` has a call made on the GUI thread, on which
    `pressed` and `told` are called."""
    kind = session_kind(sys.platform, os.environ)
    if kind == "wayland":
        from hob.desktop.hotkeys.portal import PortalHotkeys

        return PortalHotkeys(bridge_post, pressed, told)
    if kind == "x11":
        from hob.desktop.hotkeys.x11 import X11Hotkeys

        return X11Hotkeys(bridge_post, pressed, told)
    if kind == "macos":
        from hob.desktop.hotkeys.macos import MacHotkeys

        return MacHotkeys(bridge_post, pressed, told)
    if kind == "windows":
        from hob.desktop.hotkeys.windows import WindowsHotkeys

        return WindowsHotkeys(bridge_post, pressed, told)
    from hob.desktop.hotkeys.none import NoHotkeys

    return NoHotkeys(bridge_post, told)
