"""Having a selection of X11: other programs ask for it, and are given the text."""

from __future__ import annotations

from dataclasses import dataclass

from Xlib import X, Xatom
from Xlib.protocol import event as events
from Xlib.protocol.rq import Event
from Xlib.xobject.drawable import Window

from hob.desktop.clipboard.x11_desk import Desk

# A request of the X protocol holds 256 KiB; what is larger goes in pieces.
_PIECE_BYTES = 64 * 1024
_MAX_TRANSFERS = 16
_MAX_NOTED = 256
# The desktop ends within this time, manager or not.
_KEEP_LIMIT_S = 1.0
_TEXT_TYPES = ("UTF8_STRING", "text/plain;charset=utf-8", "text/plain", "TEXT", "STRING")


@dataclass
class _Transfer:
    """A text on its way in pieces: who asks, and how much is sent."""

    window: Window
    property: int
    kind: int
    data: bytes
    sent: int = 0


class Offers:
    """What we have on offer, by selection; `taken` are the windows to which each text was handed
    over whole, from its offer on."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._texts: dict[int, bytes] = {}
        self._transfers: dict[tuple[int, int], _Transfer] = {}
        self.taken: dict[str, list[int]] = {}
        self._kept = False
        desk.handlers.append(self._heard)

    def offer(self, selection: str, text: str) -> bool:
        """Have the selection from now on, for as long as nobody else takes it; whether we do."""
        atom = self._desk.atom(selection)
        self._texts[atom] = text.encode("utf-8", "replace")
        self.taken[selection] = []
        self._desk.window.set_selection_owner(atom, X.CurrentTime)
        return bool(self._desk.display.get_selection_owner(atom) == self._desk.window)

    def own(self, selection: str) -> str | None:
        """The text that we have on offer there; None when another program has the selection."""
        data = self._texts.get(self._desk.atom(selection))
        return None if data is None else data.decode("utf-8")

    def hand_over(self) -> None:
        """Have the session's clipboard manager, if there is one, keep the text beyond our end."""
        manager = self._desk.atom("CLIPBOARD_MANAGER")
        if self.own("CLIPBOARD") is None or not self._desk.display.get_selection_owner(manager):
            return
        place = self._desk.atom("HOB_SAVE")
        self._desk.window.change_property(place, Xatom.ATOM, 32, [self._desk.atom("UTF8_STRING")])
        self._desk.window.convert_selection(
            manager, self._desk.atom("SAVE_TARGETS"), place, X.CurrentTime
        )
        self._desk.display.flush()
        self._desk.wait(lambda: self._kept, _KEEP_LIMIT_S)

    def _heard(self, event: Event) -> None:
        if event.type == X.SelectionNotify:
            self._kept |= event.selection == self._desk.atom("CLIPBOARD_MANAGER")
        elif event.type == X.SelectionRequest:
            self._requested(event)
        elif event.type == X.SelectionClear:
            self._texts.pop(event.atom, None)
        elif event.type == X.PropertyNotify and event.state == X.PropertyDelete:
            if transfer := self._transfers.get((event.window.id, event.atom)):
                self._next_piece(transfer)
        elif event.type == X.DestroyNotify:
            for key in [each for each in self._transfers if each[0] == event.window.id]:
                del self._transfers[key]

    def _requested(self, event: Event) -> None:
        # Programs of old name no property, and mean one of the target's name.
        place = event.property or event.target
        given = self._give(event.requestor, event.selection, event.target, place)
        event.requestor.send_event(
            events.SelectionNotify(
                time=event.time,
                requestor=event.requestor,
                selection=event.selection,
                target=event.target,
                property=place if given else X.NONE,
            )
        )
        self._desk.display.flush()

    def _give(self, window: Window, selection: int, target: int, place: int) -> bool:
        data = self._texts.get(selection)
        if data is None:
            return False
        name = self._desk.atom_name(target)
        if name == "TARGETS":
            atoms = [self._desk.atom(each) for each in ("TARGETS", *_TEXT_TYPES)]
            window.change_property(place, Xatom.ATOM, 32, atoms)
            return True
        if name not in _TEXT_TYPES:
            return False
        if name == "STRING":
            data = data.decode("utf-8").encode("latin-1", "replace")
        kind = self._desk.atom("UTF8_STRING") if name == "TEXT" else target
        if len(data) <= _PIECE_BYTES:
            window.change_property(place, kind, 8, data)
            self._note(selection, window)
            return True
        return self._begin_pieces(_Transfer(window, place, kind, data))

    def _begin_pieces(self, transfer: _Transfer) -> bool:
        if len(self._transfers) >= _MAX_TRANSFERS:
            # The oldest has had its time; a program that asks and goes away must not hold texts.
            del self._transfers[next(iter(self._transfers))]
        self._transfers[transfer.window.id, transfer.property] = transfer
        transfer.window.change_attributes(event_mask=X.PropertyChangeMask | X.StructureNotifyMask)
        incr = self._desk.atom("INCR")
        transfer.window.change_property(transfer.property, incr, 32, [len(transfer.data)])
        return True

    def _next_piece(self, transfer: _Transfer) -> None:
        piece = transfer.data[transfer.sent : transfer.sent + _PIECE_BYTES]
        transfer.window.change_property(transfer.property, transfer.kind, 8, piece)
        self._desk.display.flush()
        transfer.sent += len(piece)
        if not piece:
            # An empty piece says that it was all.
            del self._transfers[transfer.window.id, transfer.property]
            for selection, data in self._texts.items():
                if data is transfer.data:
                    self._note(selection, transfer.window)

    def _note(self, selection: int, window: Window) -> None:
        taken = self.taken.setdefault(self._desk.atom_name(selection), [])
        taken.append(window.id)
        del taken[:-_MAX_NOTED]
