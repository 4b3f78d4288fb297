"""Notifications: one implementation for each system, and one chooser."""

from __future__ import annotations

import sys

from hob.desktop.notices.texts import Balloon, Copy, Post
from hob.desktop.parts import OwnNotices


def make_notices(post: Post, copy: Copy, balloon: Balloon) -> OwnNotices:
    """The notices of this session. `post` has a call made on the GUI thread; there, `copy` puts a
    text on the clipboard when a Copy button is pressed, and `balloon` shows title and text at the
    tray icon where the system has nothing better."""
    if sys.platform == "darwin":
        from hob.desktop.notices.macos import MacNotices

        return MacNotices(post, balloon)
    if sys.platform == "win32":
        from hob.desktop.notices.tray import TrayNotices

        return TrayNotices(balloon)
    from hob.desktop.notices.freedesktop import BusNotices

    return BusNotices(post, copy, balloon)
