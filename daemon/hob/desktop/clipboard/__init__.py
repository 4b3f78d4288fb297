"""The clipboard, the selection and the focus: one implementation for each kind of screen."""

from __future__ import annotations

import os

from hob.desktop.clipboard.jobs import Post
from hob.desktop.parts import OwnClipboard


def make_clipboard(post: Post) -> OwnClipboard:
    """The clipboard of this session; `post` has a call made on the GUI thread."""
    from hob.desktop.clipboard.x11 import X11Clipboard

    return X11Clipboard(post, os.environ.get("DISPLAY", ""))
