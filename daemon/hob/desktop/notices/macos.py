"""Notices on macOS, by osascript: a program without a bundle has no other way."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Sequence

from hob.desktop.notices.texts import Balloon, Post, fitted

_LIMIT_S = 10.0
# The texts are arguments, never a part of the script.
_SCRIPT = "on run argv\ndisplay notification (item 2 of argv) with title (item 1 of argv)\nend run"


def _run(argv: Sequence[str]) -> bool:
    """Whether the program ended well; blocks."""
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=_LIMIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


class MacNotices:
    """Without buttons, which only signed bundles have; the tray's balloon where even this fails."""

    def __init__(
        self, post: Post, balloon: Balloon, run: Callable[[Sequence[str]], bool] = _run
    ) -> None:
        self._post = post
        self._balloon = balloon
        self._run = run

    def show(
        self,
        title: str,
        text: str = "",
        *,
        copy: str = "",
        open: Callable[[], None] | None = None,
    ) -> None:
        title, text = fitted(title, text)
        threading.Thread(target=self._show, args=(title, text), name="notice", daemon=True).start()

    def _show(self, title: str, text: str) -> None:
        if not self._run(["/usr/bin/osascript", "-e", _SCRIPT, "--", title, text]):
            self._post(lambda: self._balloon(title, text))

    def close(self) -> None:
        """Nothing is held."""
