"""The clipboard, the selection and the focus: one implementation for each kind of screen."""

from __future__ import annotations

import os
import sys

from hob.desktop.clipboard.jobs import Post
from hob.desktop.parts import OwnClipboard
from hob.desktop.session_kind import session_kind


def make_clipboard(post: Post) -> OwnClipboard:
    """The clipboard of this session; `post` has a call made on the GUI thread."""
    kind = session_kind(sys.platform, os.environ)
    if kind == "macos":
        from hob.desktop.clipboard.macos import MacSystem
        from hob.desktop.clipboard.native import NativeClipboard

        return NativeClipboard(post, MacSystem())
    if kind == "windows":
        from hob.desktop.clipboard.native import NativeClipboard
        from hob.desktop.clipboard.windows import WindowsSystem

        return NativeClipboard(post, WindowsSystem())
    if kind == "x11":
        from hob.desktop.clipboard.x11 import X11Clipboard

        return X11Clipboard(post, os.environ.get("DISPLAY", ""))
    from hob.desktop.clipboard.wayland import WaylandClipboard

    # Without a compositor too: it then says of each request what is missing.
    return WaylandClipboard(post)
