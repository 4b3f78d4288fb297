"""From a key pressed on any thread to the action's name on the GUI thread."""

from __future__ import annotations

import os
import threading

from hob.desktop.hotkeys.plan import Post
from hob.desktop.parts import Pressed


class Presses:
    """Hands presses on; a press while the last one of the same action still waits for the GUI
    thread adds nothing, so that a key that is hammered cannot pile up work."""

    def __init__(self, post: Post, pressed: Pressed) -> None:
        self._post = post
        self._pressed = pressed
        self._lock = threading.Lock()
        self._waiting: set[str] = set()

    def press(self, action: str, activation_token: str = "") -> None:
        """On any thread. `activation_token` is what lets a window take the focus on Wayland."""
        with self._lock:
            if action in self._waiting:
                return
            self._waiting.add(action)
        self._post(lambda: self._deliver(action, activation_token))

    def _deliver(self, action: str, activation_token: str) -> None:
        with self._lock:
            self._waiting.discard(action)
        if activation_token:
            # Qt takes it from here when it next activates a window.
            os.environ["XDG_ACTIVATION_TOKEN"] = activation_token
        self._pressed(action)
