"""Keys and pixels of an X server, without the start of a program for each: xdotool takes longer
than what is to be measured."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from Xlib import XK, X
from Xlib.display import Display
from Xlib.error import XError
from Xlib.ext import xtest

_LIMIT_S = 20.0


class Eye:
    """Sees and types on one display."""

    def __init__(self, display: str) -> None:
        self._display = Display(display)
        self._root = self._display.screen().root
        self._active = self._display.intern_atom("_NET_ACTIVE_WINDOW")
        self._name = self._display.intern_atom("_NET_WM_NAME")

    def press(self, key: str, *modifiers: str) -> None:
        """Press and release, as a keyboard does."""
        held = [self._code(name) for name in modifiers]
        code = self._code(key)
        for each in (*held, code):
            xtest.fake_input(self._display, X.KeyPress, each)
        for each in (code, *reversed(held)):
            xtest.fake_input(self._display, X.KeyRelease, each)
        self._display.sync()

    def focused(self) -> str:
        """The title of the window that gets the keys; empty when it is nobody's."""
        try:
            focus = self._display.get_input_focus().focus
            if isinstance(focus, int):
                return ""
            return self._title(focus)
        except XError:
            # It went away between two questions.
            return ""

    def pixel(self, x: int, y: int) -> bytes:
        return self.box((x, y, x + 1, y + 1))

    def box(self, box: tuple[int, int, int, int]) -> bytes:
        """The pixels of a part of the screen, left, top, right, bottom."""
        left, top, right, bottom = box
        image: Any = self._root.get_image(
            left, top, right - left, bottom - top, X.ZPixmap, 0xFFFFFFFF
        )
        data = image.data
        return data.encode("latin-1") if isinstance(data, str) else bytes(data)

    def until(self, check: Callable[[], bool]) -> None:
        """Look as often as it goes."""
        end = time.perf_counter() + _LIMIT_S
        while not check():
            assert time.perf_counter() < end, f"{check} stayed false"

    def _title(self, window: Any) -> str:
        while window and window.id != self._root.id:
            found = window.get_full_property(self._name, X.AnyPropertyType)
            if found is not None:
                return bytes(found.value).decode(errors="replace")
            window = window.query_tree().parent
        return ""

    def _code(self, name: str) -> int:
        return int(self._display.keysym_to_keycode(XK.string_to_keysym(name)))
