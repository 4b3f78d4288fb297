"""What the clipboard asks of macOS, by pyobjc, which pynput brings."""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING

from hob.errors import DesktopRefused

if TYPE_CHECKING:
    from types import ModuleType

# http://nspasteboard.org: what password managers put beside a secret.
SECRET_TYPES = frozenset(("org.nspasteboard.ConcealedType", "org.nspasteboard.TransientType"))
_IGNORING_OTHER_APPS = 2


class MacSystem:
    """pyobjc's modules are given for tests."""

    def __init__(
        self, appkit: ModuleType | None = None, services: ModuleType | None = None
    ) -> None:
        self._appkit = appkit or importlib.import_module("AppKit")
        self._services = services or importlib.import_module("HIServices")
        self._board = self._appkit.NSPasteboard.generalPasteboard()

    @property
    def can_press(self) -> bool:
        return bool(self._services.AXIsProcessTrusted())

    @property
    def why_not(self) -> DesktopRefused:
        return DesktopRefused(
            "macOS does not let Hob press keys until you allow it. A text that was to be put in "
            "is on the clipboard.",
            hint="In System Settings > Privacy & Security > Accessibility, switch on "
            f"{sys.executable}.",
        )

    def secret(self) -> bool:
        return not SECRET_TYPES.isdisjoint(str(each) for each in self._board.types() or ())

    def changes(self) -> int:
        return int(self._board.changeCount())

    def front(self) -> object | None:
        front: object | None = self._appkit.NSWorkspace.sharedWorkspace().frontmostApplication()
        if front is None or self._pid(front) == os.getpid():
            return None
        return front

    def focus(self, front: object) -> bool:
        now = self.front()
        if now is not None and self._pid(now) == self._pid(front):
            return True
        front.activateWithOptions_(_IGNORING_OTHER_APPS)  # type: ignore[attr-defined]
        return False

    def press(self, key: str) -> None:
        from pynput.keyboard import Controller, Key

        keys = Controller()
        for held in (Key.alt, Key.shift, Key.ctrl):
            keys.release(held)
        with keys.pressed(Key.cmd):
            keys.tap(key)

    def _pid(self, application: object) -> int:
        return int(application.processIdentifier())  # type: ignore[attr-defined]
