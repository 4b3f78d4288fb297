"""Hotkeys on Windows, by RegisterHotKey, which says when another program has the combination."""

from __future__ import annotations

import ctypes
import queue
import sys
import threading
from collections.abc import Sequence
from typing import Protocol

from hob.desktop.hotkeys.plan import Plan, Post, Wish, plan, taken_elsewhere
from hob.desktop.hotkeys.presses import Presses
from hob.desktop.parts import HotkeysTold, Pressed
from hob.errors import DesktopRefused, HobError
from hob.wire.desktop import HotkeyWay
from hob.wire.hotkey import Hotkey
from hob.wire.plugins import ActionInfo

_MODIFIERS = {"alt": 0x1, "ctrl": 0x2, "shift": 0x4, "super": 0x8}
_NO_REPEAT = 0x4000
_ALREADY_REGISTERED = 1409
_KEYS = {
    "space": 0x20, "enter": 0x0D, "tab": 0x09, "escape": 0x1B, "left": 0x25, "up": 0x26,
    "right": 0x27, "down": 0x28, "home": 0x24, "end": 0x23, "pageup": 0x21, "pagedown": 0x22,
    "insert": 0x2D, "delete": 0x2E, **{f"f{number}": 0x6F + number for number in range(1, 25)},
}  # fmt: skip


class Keys(Protocol):
    """What is asked of Windows, all on one thread."""

    def scan(self, sign: str) -> tuple[int, int] | None:
        """The virtual key of a sign in the present layout, and the modifiers it needs."""

    def register(self, number: int, modifiers: int, key: int) -> int:
        """Nought, or the error's number."""

    def unregister(self, number: int) -> None: ...

    def wait(self) -> int | None:
        """The number of the hotkey that was pressed; None when `wake` was called."""

    def wake(self) -> None:
        """End a `wait`; for any thread, before the first `wait` too."""


def virtual_key(hotkey: Hotkey, keys: Keys) -> tuple[int, int]:
    """Modifiers and key as RegisterHotKey takes them. Raises DesktopRefused without such a key."""
    modifiers = _NO_REPEAT | sum(_MODIFIERS[each] for each in hotkey.modifiers)
    if hotkey.key in _KEYS:
        return modifiers, _KEYS[hotkey.key]
    if hotkey.key.isalnum():
        return modifiers, ord(hotkey.key.upper())
    found = keys.scan(hotkey.key)
    if found is None or found[1] & ~_MODIFIERS["shift"]:
        raise DesktopRefused(
            f"This keyboard has no key {hotkey.key} that could be a part of a hotkey.",
            hint="Choose another key.",
        )
    return modifiers | found[1], found[0]


class WindowsHotkeys:
    """A thread with a queue of messages holds the hotkeys, as Windows wants it."""

    def __init__(
        self, post: Post, pressed: Pressed, told: HotkeysTold, keys: Keys | None = None
    ) -> None:
        self._post = post
        self._told = told
        self._presses = Presses(post, pressed)
        self._keys = keys
        self._ready = threading.Event()
        self._asked: queue.SimpleQueue[Plan | None] = queue.SimpleQueue()
        self._numbers: dict[Wish, int] = {}
        self._last = 0
        self._thread = threading.Thread(target=self._main, name="hotkeys", daemon=True)
        self._thread.start()

    @property
    def way(self) -> HotkeyWay:
        return "native"

    def set(self, wanted: Sequence[tuple[ActionInfo, str]]) -> None:
        self._ask(plan(wanted))

    def close(self) -> None:
        """Let all keys go; waits until they are free."""
        self._ask(None)
        self._thread.join(2)

    def _ask(self, wanted: Plan | None) -> None:
        self._asked.put(wanted)
        self._ready.wait()
        if self._keys is not None:
            self._keys.wake()

    def _main(self) -> None:
        if self._keys is None:
            self._keys = _UserKeys()
        keys = self._keys
        self._ready.set()
        while True:
            number = keys.wait()
            for wish, held in tuple(self._numbers.items()):
                if held == number:
                    self._presses.press(wish.action)
            while not self._asked.empty():
                wanted = self._asked.get()
                self._apply(wanted or Plan(), keys)
                if wanted is None:
                    return

    def _apply(self, wanted: Plan, keys: Keys) -> None:
        for wish in self._numbers.keys() - set(wanted.wishes):
            keys.unregister(self._numbers.pop(wish))
        problems: dict[str, HobError] = {}
        for wish in wanted.wishes:
            if wish not in self._numbers and (problem := self._register(wish, keys)):
                problems[wish.action] = problem
        states = wanted.states(problems)
        self._post(lambda: self._told(states))

    def _register(self, wish: Wish, keys: Keys) -> HobError | None:
        try:
            modifiers, key = virtual_key(wish.hotkey, keys)
        except DesktopRefused as error:
            return error
        # Windows knows hotkeys by numbers from 1 to 0xBFFF.
        self._last = self._last % 0xBFFF + 1
        failed = keys.register(self._last, modifiers, key)
        if failed == _ALREADY_REGISTERED:
            return taken_elsewhere(wish)
        if failed:
            return DesktopRefused(
                f"Windows does not give Hob this hotkey (error {failed}).",
                hint="Choose other keys; Windows keeps some for itself.",
            )
        self._numbers[wish] = self._last
        return None


if sys.platform == "win32":
    from ctypes import wintypes

    class _UserKeys:
        """Made on the thread that waits."""

        _HOTKEY = 0x0312
        _WOKEN = 0x8000  # WM_APP

        def __init__(self) -> None:
            self._user = ctypes.WinDLL("user32", use_last_error=True)
            self._thread = ctypes.WinDLL("kernel32").GetCurrentThreadId()
            # A thread has a queue only once it has looked into it.
            self._user.PeekMessageW(ctypes.byref(wintypes.MSG()), None, 0, 0, 0)

        def scan(self, sign: str) -> tuple[int, int] | None:
            found = self._user.VkKeyScanW(wintypes.WCHAR(sign))
            if found & 0xFF == 0xFF:
                return None
            shift, control, alt = found >> 8 & 1, found >> 9 & 1, found >> 10 & 1
            return found & 0xFF, shift * 0x4 | control * 0x2 | alt * 0x1

        def register(self, number: int, modifiers: int, key: int) -> int:
            if self._user.RegisterHotKey(None, number, modifiers, key):
                return 0
            return ctypes.get_last_error()

        def unregister(self, number: int) -> None:
            self._user.UnregisterHotKey(None, number)

        def wait(self) -> int | None:
            message = wintypes.MSG()
            while self._user.GetMessageW(ctypes.byref(message), None, 0, 0) > 0:
                if message.message == self._HOTKEY:
                    return int(message.wParam)
                if message.message == self._WOKEN:
                    break
            return None

        def wake(self) -> None:
            self._user.PostThreadMessageW(self._thread, self._WOKEN, 0, 0)

else:

    def _UserKeys() -> Keys:  # noqa: N802 (the class of this name is there on Windows alone)
        raise OSError("RegisterHotKey is there on Windows alone")
