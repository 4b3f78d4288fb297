"""What the clipboard asks of Windows."""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Protocol

from hob.errors import DesktopRefused

# What password managers put beside a secret. The second has a value, which is nought whenever a
# program takes the trouble to set it.
SECRET_FORMATS = (
    "ExcludeClipboardContentFromMonitorProcessing",
    "CanIncludeInClipboardHistory",
    "Clipboard Viewer Ignore",
)


class User32(Protocol):
    """The functions of user32 that are used."""

    def RegisterClipboardFormatW(self, name: str) -> int: ...  # noqa: N802

    def IsClipboardFormatAvailable(self, number: int) -> int: ...  # noqa: N802

    def GetClipboardSequenceNumber(self) -> int: ...  # noqa: N802

    def GetForegroundWindow(self) -> int: ...  # noqa: N802

    def SetForegroundWindow(self, window: int) -> int: ...  # noqa: N802

    def process_of(self, window: int) -> int: ...


class WindowsSystem:
    """`user` is given for tests."""

    def __init__(self, user: User32 | None = None) -> None:
        self._user = user or _user32()

    @property
    def can_press(self) -> bool:
        return True

    @property
    def why_not(self) -> DesktopRefused:
        return DesktopRefused(
            "Windows does not let Hob press keys in this window. The text is on the clipboard.",
            hint="Paste it yourself.",
        )

    def secret(self) -> bool:
        return any(
            self._user.IsClipboardFormatAvailable(self._user.RegisterClipboardFormatW(name))
            for name in SECRET_FORMATS
        )

    def changes(self) -> int:
        return self._user.GetClipboardSequenceNumber()

    def front(self) -> object | None:
        window = self._user.GetForegroundWindow()
        return window if window and self._user.process_of(window) != os.getpid() else None

    def focus(self, front: object) -> bool:
        if self._user.GetForegroundWindow() == front:
            return True
        if isinstance(front, int):
            self._user.SetForegroundWindow(front)
        return False

    def press(self, key: str) -> None:
        from pynput.keyboard import Controller, Key

        keys = Controller()
        for held in (Key.alt, Key.shift, Key.cmd):
            keys.release(held)
        with keys.pressed(Key.ctrl):
            keys.tap(key)


if sys.platform == "win32":
    from ctypes import wintypes

    class _User32(ctypes.WinDLL):
        def process_of(self, window: int) -> int:
            process = wintypes.DWORD()
            self.GetWindowThreadProcessId(wintypes.HWND(window), ctypes.byref(process))
            return int(process.value)

    def _user32() -> User32:
        user: User32 = _User32("user32")
        return user

else:

    def _user32() -> User32:
        raise OSError("user32 is there on Windows alone")
