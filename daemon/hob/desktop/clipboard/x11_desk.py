"""A connection to the X server with one invisible window, and the pump of its events."""

from __future__ import annotations

import select
import time
from collections.abc import Callable

from Xlib import X
from Xlib.display import Display
from Xlib.error import XError
from Xlib.protocol.rq import Event
from Xlib.xobject.drawable import Window

_TICK_S = 0.02


class Desk:
    """Used by one thread. While it waits for one thing, `handlers` are given every event, so that
    other programs are served meanwhile."""

    def __init__(self, name: str = "") -> None:
        self.display = Display(name or None)
        # Windows of others vanish while they are spoken to; that is no failure of ours.
        self.display.set_error_handler(lambda *_: None)
        self.root = self.display.screen().root
        self.window = self.make_window()
        self.handlers: list[Callable[[Event], None]] = []
        self._names: dict[int, str] = {}

    def make_window(self) -> Window:
        window = self.root.create_window(-10, -10, 1, 1, 0, X.CopyFromParent)
        window.change_attributes(event_mask=X.PropertyChangeMask)
        return window

    def atom(self, name: str) -> int:
        return int(self.display.intern_atom(name))

    def atom_name(self, atom: int) -> str:
        """Empty for what is no atom."""
        if atom not in self._names:
            try:
                self._names[atom] = str(self.display.get_atom_name(atom))
            except XError:
                return ""
        return self._names[atom]

    def program_of(self, window: int) -> int:
        """A number that all windows of one program's connection share."""
        return window & ~int(self.display.display.info.resource_id_mask)

    def pump(self) -> None:
        """Hand on the events that have come."""
        while self.display.pending_events():
            event = self.display.next_event()
            for handler in tuple(self.handlers):
                handler(event)

    def wait(self, check: Callable[[], object], limit_s: float) -> bool:
        """Hand on events until `check` is true; False when it was not in time."""
        end = time.monotonic() + limit_s
        while True:
            self.pump()
            if check():
                return True
            left = end - time.monotonic()
            if left <= 0:
                return False
            # Not everything that is waited for says so with an event: keys held down do not.
            select.select([self.display.fileno()], [], [], min(left, _TICK_S))
