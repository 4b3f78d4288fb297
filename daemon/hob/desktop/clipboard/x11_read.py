"""Reading a selection of X11, from a program that may be slow, hostile or hang.

By hand rather than by copykitten: what is offered is looked at before anything is fetched, marks
of secrets above all, and what is too large is not taken in.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from Xlib import X
from Xlib.error import XError
from Xlib.protocol.rq import Event
from Xlib.xobject.drawable import Window

from hob.desktop.clipboard.contents import (
    MAX_IMAGE_BYTES,
    MAX_TEXT_BYTES,
    best_type,
    is_secret,
    picture_clip,
    secret_refused,
    text_of,
    too_large,
)
from hob.desktop.clipboard.x11_desk import Desk
from hob.errors import DesktopRefused
from hob.wire.desktop import Clip

ANSWER_LIMIT_S = 2.0
WHOLE_LIMIT_S = 15.0
_MAX_TYPES = 200
_PIECE_WORDS = 2**18  # of four bytes


def read_clip(desk: Desk, selection: str) -> Clip:
    """What the selection ("CLIPBOARD" or "PRIMARY") holds; empty when it holds nothing that Hob
    can use. Raises ClipboardSecret and DesktopRefused."""
    types = offered_types(desk, selection)
    if is_secret(types):
        raise secret_refused()
    chosen = best_type(types)
    if chosen is None:
        return Clip()
    kind, picture = chosen
    data = fetch(desk, selection, kind, MAX_IMAGE_BYTES if picture else MAX_TEXT_BYTES)
    if picture:
        return picture_clip(data) if data else Clip()
    return Clip(text=text_of(data, kind))


def offered_types(desk: Desk, selection: str) -> tuple[str, ...]:
    """The names of the types that are offered; none when nobody has the selection."""
    if desk.display.get_selection_owner(desk.atom(selection)) == X.NONE:
        return ()
    with _requestor(desk) as window:
        answer = _Answer(desk, window, selection, "TARGETS")
        answer.wait()
        found = answer.atoms()[:_MAX_TYPES]
    if not found:
        # A program that knows no TARGETS has text, if anything.
        return ("STRING",)
    return tuple(name for name in map(desk.atom_name, found) if name)


def fetch(desk: Desk, selection: str, kind: str, limit: int) -> bytes:
    """The selection in one type; empty when its owner does not give it so."""
    with _requestor(desk) as window:
        answer = _Answer(desk, window, selection, kind)
        answer.wait()
        return answer.content(limit)


@contextlib.contextmanager
def _requestor(desk: Desk) -> Iterator[Window]:
    """A window for one request: when it goes, the owner of a large selection may stop."""
    window = desk.make_window()
    try:
        yield window
    finally:
        window.destroy()
        desk.display.flush()


class _Answer:
    """One request, and what comes of it in a property of our window."""

    def __init__(self, desk: Desk, window: Window, selection: str, kind: str) -> None:
        self._desk = desk
        self._window = window
        self._property = desk.atom("HOB_SELECTION")
        self._incr = desk.atom("INCR")
        self._answered = False
        self._refused = False
        self._pieces = 0
        desk.handlers.append(self._heard)
        window.convert_selection(
            desk.atom(selection), desk.atom(kind), self._property, X.CurrentTime
        )
        desk.display.flush()

    def wait(self) -> None:
        try:
            if not self._desk.wait(lambda: self._answered, ANSWER_LIMIT_S):
                raise _no_answer()
        except BaseException:
            self._done()
            raise

    def atoms(self) -> list[int]:
        """The answer to TARGETS."""
        try:
            if self._refused:
                return []
            reply = self._get(0, delete=True)
            return [int(each) for each in reply.value] if reply and reply.format == 32 else []
        finally:
            self._done()

    def content(self, limit: int) -> bytes:
        try:
            if self._refused:
                return b""
            found = self._window.get_property(self._property, X.AnyPropertyType, 0, 0)
            if found is not None and found.property_type == self._incr:
                return self._in_pieces(limit)
            return self._whole(limit)
        finally:
            self._done()

    def _whole(self, limit: int, before: int = 0) -> bytes:
        data = bytearray()
        while True:
            reply = self._get(len(data) // 4)
            if reply is None or reply.format != 8:
                return bytes(data)
            data += bytes(reply.value)
            size = before + len(data) + reply.bytes_after
            if size > limit:
                raise too_large(size, limit)
            if not reply.bytes_after:
                self._window.delete_property(self._property)
                return bytes(data)

    def _in_pieces(self, limit: int) -> bytes:
        """The owner writes the next piece when we have deleted the last."""
        end = time.monotonic() + WHOLE_LIMIT_S
        data = bytearray()
        self._pieces = 0
        self._window.delete_property(self._property)
        self._desk.display.flush()
        while True:
            if not self._desk.wait(lambda: self._pieces, ANSWER_LIMIT_S):
                raise _no_answer()
            self._pieces = 0
            piece = self._whole(limit, len(data))
            if not piece:
                return bytes(data)
            data += piece
            self._desk.display.flush()
            if time.monotonic() > end:
                raise _no_answer()

    def _get(self, offset: int, *, delete: bool = False) -> _Property | None:
        try:
            found: _Property | None = self._window.get_property(
                self._property, X.AnyPropertyType, offset, _PIECE_WORDS, delete
            )
        except XError:
            return None
        return found

    def _heard(self, event: Event) -> None:
        if event.type == X.SelectionNotify and event.requestor == self._window:
            self._answered = True
            self._refused = event.property == X.NONE
        elif (
            event.type == X.PropertyNotify
            and event.window == self._window
            and event.atom == self._property
            and event.state == X.PropertyNewValue
        ):
            self._pieces += 1

    def _done(self) -> None:
        if self._heard in self._desk.handlers:
            self._desk.handlers.remove(self._heard)


class _Property:
    """What python-xlib gives for a property."""

    format: int
    property_type: int
    bytes_after: int
    value: bytes | list[int]


def _no_answer() -> DesktopRefused:
    return DesktopRefused(
        "The program that has the clipboard does not answer, so it cannot be read.",
        hint="Copy the text again, or end that program.",
    )
