"""Hotkeys on macOS, by pynput. The person must allow it once, in the system's settings."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Protocol

from hob.desktop.hotkeys.plan import Plan, Post, plan
from hob.desktop.hotkeys.presses import Presses
from hob.desktop.parts import HotkeysTold, Pressed
from hob.errors import DesktopRefused
from hob.wire.desktop import HotkeyWay
from hob.wire.hotkey import Hotkey
from hob.wire.plugins import ActionInfo

_SETTINGS = "x-apple.systempreferences:com.apple.preference.security?Privacy_Accessibility"
_PYNPUT_NAMES = {"escape": "esc", "pageup": "page_up", "pagedown": "page_down", "super": "cmd"}


class Listener(Protocol):
    def start(self) -> None: ...

    def stop(self) -> None: ...


Listen = Callable[[Mapping[str, Callable[[], None]]], Listener]


def pynput_form(hotkey: Hotkey) -> str:
    """The hotkey as pynput writes it, such as "<ctrl>+<alt>+<space>"."""
    names = [_PYNPUT_NAMES.get(each, each) for each in (*hotkey.modifiers, hotkey.key)]
    return "+".join(name if len(name) == 1 else f"<{name}>" for name in names)


class MacHotkeys:
    """A listener of pynput, replaced when the hotkeys change. It learns of all keys, and keeps
    none of them; macOS has no other way that pynput could use."""

    def __init__(
        self,
        post: Post,
        pressed: Pressed,
        told: HotkeysTold,
        *,
        listen: Listen | None = None,
        trusted: Callable[[], bool] | None = None,
        open_settings: Callable[[], None] | None = None,
    ) -> None:
        self._post = post
        self._told = told
        self._presses = Presses(post, pressed)
        self._listen = listen or _listen
        self._trusted = trusted or _trusted
        self._open_settings = open_settings or _open_settings
        self._asked = False
        self._plan = Plan()
        self._listener: Listener | None = None

    @property
    def way(self) -> HotkeyWay:
        return "native"

    def set(self, wanted: Sequence[tuple[ActionInfo, str]]) -> None:
        new = plan(wanted)
        allowed = self._trusted()
        if new.wishes != self._plan.wishes or self._listener is None:
            self.close()
            if allowed and new.wishes:
                self._listener = self._listen(
                    {
                        pynput_form(wish.hotkey): partial(self._presses.press, wish.action)
                        for wish in new.wishes
                    }
                )
                self._listener.start()
        self._plan = new
        problems = {} if allowed else {wish.action: _not_allowed() for wish in new.wishes}
        if problems and not self._asked:
            self._asked = True
            self._open_settings()
        states = new.states(problems)
        self._post(lambda: self._told(states))

    def close(self) -> None:
        if self._listener is not None:
            self._listener.stop()
            self._listener = None


def _not_allowed() -> DesktopRefused:
    return DesktopRefused(
        "macOS does not let Hob hear keys until you allow it, so no hotkey works.",
        hint="In System Settings > Privacy & Security, switch on "
        f"{sys.executable} under Accessibility and under Input Monitoring; "
        "then start Hob's desktop again.",
    )


def _listen(hotkeys: Mapping[str, Callable[[], None]]) -> Listener:
    from pynput import keyboard

    listener: Listener = keyboard.GlobalHotKeys(dict(hotkeys))
    return listener


def _trusted() -> bool:
    import importlib

    # A part of pyobjc, which pynput brings on macOS.
    services = importlib.import_module("HIServices")
    return bool(services.AXIsProcessTrusted())


def _open_settings() -> None:
    subprocess.Popen(["/usr/bin/open", _SETTINGS], stdin=subprocess.DEVNULL)
