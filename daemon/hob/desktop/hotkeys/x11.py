"""Hotkeys on X11, by grabbing keys.

A grab rather than listening to all keys (as pynput does): the server says when another program has
the combination, the focused window does not get the key as well, and nothing else that is typed
ever passes through this process.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
from collections.abc import Sequence

from Xlib.display import Display
from Xlib.error import ConnectionClosedError, DisplayError, XError

from hob.desktop.hotkeys.plan import Plan, Post, plan
from hob.desktop.hotkeys.presses import Presses
from hob.desktop.hotkeys.x11_grabs import Grabs
from hob.desktop.parts import HotkeysTold, Pressed
from hob.errors import DesktopRefused, HobError
from hob.wire.desktop import HotkeyState, HotkeyWay
from hob.wire.plugins import ActionInfo

TRY_AGAIN_S = 10.0


class X11Hotkeys:
    """A thread with its own connection to the server holds the grabs."""

    def __init__(self, post: Post, pressed: Pressed, told: HotkeysTold, display: str = "") -> None:
        self._post = post
        self._told = told
        self._presses = Presses(post, pressed)
        self._lock = threading.Lock()
        self._wanted: Plan | None = None
        self._served = Plan()
        self._lost: HobError | None = None
        self._closing = False
        self._wake_reader, self._wake_writer = os.pipe()
        os.set_blocking(self._wake_writer, False)
        self._thread = threading.Thread(
            target=self._main, args=(display or None,), name="hotkeys", daemon=True
        )
        self._thread.start()

    @property
    def way(self) -> HotkeyWay:
        return "x11"

    def set(self, wanted: Sequence[tuple[ActionInfo, str]]) -> None:
        with self._lock:
            self._wanted = plan(wanted)
            if self._lost is not None:
                self._say_lost(self._wanted, self._lost)
        self._wake()

    def close(self) -> None:
        """Let all keys go; waits until they are free."""
        self._closing = True
        self._wake()
        self._thread.join(2)

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            os.write(self._wake_writer, b"x")

    def _main(self, display: str | None) -> None:
        try:
            self._serve(Grabs(Display(display)))
        except (DisplayError, XError, ConnectionClosedError, OSError) as error:
            # The server has gone, or never was; the desktop can hardly outlive it.
            with self._lock:
                self._lost = DesktopRefused(
                    f"The X server does not give Hob any keys: {error}",
                    hint="Start Hob's desktop again in a session that runs: hob desktop",
                )
                self._say_lost(self._wanted or self._served, self._lost)

    def _serve(self, grabs: Grabs) -> None:
        said: tuple[HotkeyState, ...] | None = ()
        while not self._closing:
            with self._lock:
                fresh, self._wanted = self._wanted, None
            if fresh is not None:
                self._served, said = fresh, None
            for action in grabs.work(self._served, again=fresh is not None):
                self._presses.press(action)
            states = self._served.states(grabs.problems)
            if states != said:
                said = states
                self._say(states)
            self._wait(grabs)
        grabs.close()

    def _wait(self, grabs: Grabs) -> None:
        limit = TRY_AGAIN_S if grabs.conflicts else None
        ready, _, _ = select.select([grabs.fileno(), self._wake_reader], [], [], limit)
        if self._wake_reader in ready:
            os.read(self._wake_reader, 4096)
        grabs.due = not ready

    def _say_lost(self, wanted: Plan, why: HobError) -> None:
        self._say(wanted.states({wish.action: why for wish in wanted.wishes}))

    def _say(self, states: tuple[HotkeyState, ...]) -> None:
        self._post(lambda: self._told(states))
