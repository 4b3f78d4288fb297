"""A program that has the clipboard of X11 and is no help: for tests.

x_owner.py hang              never answers
x_owner.py flood             an endless text in pieces
x_owner.py stop              begins a text in pieces and stops
x_owner.py bytes TYPE HEX    these bytes in one type
"""

from __future__ import annotations

import sys
from typing import Any

from Xlib import X, Xatom
from Xlib.display import Display
from Xlib.protocol import event as events

_PIECE = b"x" * 60_000


class Manager:
    """Asked to save, it fetches the text and has the clipboard from then on."""

    def __init__(self) -> None:
        self.display = Display()
        self.window = self.display.screen().root.create_window(0, 0, 1, 1, 0, X.CopyFromParent)
        self.clipboard = self.display.intern_atom("CLIPBOARD")
        self.text = self.display.intern_atom("UTF8_STRING")
        self.window.set_selection_owner(
            self.display.intern_atom("CLIPBOARD_MANAGER"), X.CurrentTime
        )
        self.display.sync()

    def serve(self) -> None:
        request = self.next(X.SelectionRequest)
        place = self.display.intern_atom("KEPT")
        self.window.convert_selection(self.clipboard, self.text, place, X.CurrentTime)
        self.next(X.SelectionNotify)
        data = self.window.get_full_property(place, X.AnyPropertyType).value
        owner = Owner("bytes", "UTF8_STRING", bytes(data))
        request.requestor.send_event(
            events.SelectionNotify(
                time=request.time,
                requestor=request.requestor,
                selection=request.selection,
                target=request.target,
                property=request.property,
            )
        )
        self.display.sync()
        owner.serve()

    def next(self, kind: int) -> Any:
        while (event := self.display.next_event()).type != kind:
            pass
        return event


class Owner:
    def __init__(self, what: str, kind: str = "", data: bytes = b"") -> None:
        self.what, self.kind, self.data = what, kind or "UTF8_STRING", data
        self.display = Display()
        self.display.set_error_handler(lambda *_: None)
        self.window = self.display.screen().root.create_window(0, 0, 1, 1, 0, X.CopyFromParent)
        self.window.set_selection_owner(self.display.intern_atom("CLIPBOARD"), X.CurrentTime)
        self.display.sync()

    def serve(self) -> None:
        while True:
            event = self.display.next_event()
            if event.type == X.SelectionRequest and self.what != "hang":
                self.answer(event)
            elif (
                event.type == X.PropertyNotify
                and event.state == X.PropertyDelete
                and self.what == "flood"
            ):
                event.window.change_property(
                    event.atom, self.display.intern_atom(self.kind), 8, _PIECE
                )
                self.display.flush()

    def answer(self, event: Any) -> None:
        asked = self.display.get_atom_name(event.target)
        kind = self.display.intern_atom(self.kind)
        if asked == "TARGETS":
            event.requestor.change_property(event.property, Xatom.ATOM, 32, [kind])
        elif self.what == "bytes":
            event.requestor.change_property(event.property, kind, 8, self.data)
        else:
            event.requestor.change_attributes(event_mask=X.PropertyChangeMask)
            incr = self.display.intern_atom("INCR")
            event.requestor.change_property(event.property, incr, 32, [1])
        event.requestor.send_event(
            events.SelectionNotify(
                time=event.time,
                requestor=event.requestor,
                selection=event.selection,
                target=event.target,
                property=event.property,
            )
        )
        self.display.flush()


if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    if what == "manager":
        Manager().serve()
    Owner(what, rest[0] if rest else "", bytes.fromhex(rest[1]) if rest else b"").serve()
