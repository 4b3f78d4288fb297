"""The clipboard, the selection and the focus on X11."""

from __future__ import annotations

import contextlib
import os
import queue
import select
import threading
from collections.abc import Callable
from typing import TypeVar

from Xlib.error import ConnectionClosedError, DisplayError

from hob.desktop.clipboard.contents import clean, only_text, text_clip
from hob.desktop.clipboard.insert import Insertion, insertion
from hob.desktop.clipboard.jobs import MAX_WAITING, Failed, Post, do, tell, too_busy, unexpected
from hob.desktop.clipboard.x11_desk import Desk
from hob.desktop.clipboard.x11_focus import Focus
from hob.desktop.clipboard.x11_offer import Offers
from hob.desktop.clipboard.x11_read import offered_types, read_clip
from hob.errors import DesktopRefused, HobError
from hob.wire.desktop import Clip

T = TypeVar("T")

_TAKEN_LIMIT_S = 3.0
# Some programs ask for a pasted text once more, within this time.
_QUIET_S = 0.3
# What is put back after pasting; larger texts are not worth the time it takes.
_MAX_FORMER_CHARS = 2**20


class X11Clipboard:
    """A thread with its own connection to the server. What is written is on offer for as long as
    this process lives and nobody else copies anything."""

    def __init__(self, post: Post, display: str = "") -> None:
        self._post = post
        self._jobs: queue.Queue[_Job | None] = queue.Queue()
        self._lost: HobError | None = None
        self._pastes = True
        self._wake_reader, self._wake_writer = os.pipe()
        os.set_blocking(self._wake_writer, False)
        self._thread = threading.Thread(
            target=self._main, args=(display,), name="clipboard", daemon=True
        )
        self._thread.start()

    # ---- what the desktop calls ----

    def read(self, done: Callable[[Clip], None], failed: Failed) -> None:
        self._ask(lambda hand: hand.read("CLIPBOARD"), done, failed)

    def selection(self, done: Callable[[Clip], None], failed: Failed) -> None:
        self._ask(lambda hand: hand.read("PRIMARY"), done, failed)

    def write(
        self, text: str, done: Callable[[], None] | None = None, failed: Failed | None = None
    ) -> None:
        self._ask(lambda hand: hand.write(text), _without_value(done), failed)

    def note_focus(self) -> None:
        self._ask(lambda hand: hand.focus.remember(), None, None)

    def paste(
        self, text: str, done: Callable[[], None] | None = None, failed: Failed | None = None
    ) -> None:
        self._ask(lambda hand: hand.paste(text), _without_value(done), failed)

    @property
    def pastes(self) -> bool:
        return self._pastes and self._lost is None

    def close(self) -> None:
        """Hand what is on offer to the clipboard manager, or give it up where there is none."""
        self._jobs.put(None)
        self._wake()
        self._thread.join(2)

    # ---- the thread ----

    def _ask(
        self, work: Callable[[_Hand], T], done: Callable[[T], None] | None, failed: Failed | None
    ) -> None:
        if self._lost is not None:
            tell(self._post, failed, self._lost)
        elif self._jobs.qsize() >= MAX_WAITING:
            tell(self._post, failed, too_busy())
        else:
            self._jobs.put(
                _Job(
                    lambda hand: do(self._post, lambda: work(hand), done, failed),
                    lambda error: tell(self._post, failed, error),
                )
            )
            self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            os.write(self._wake_writer, b"x")

    def _main(self, display: str) -> None:
        try:
            hand = _Hand(Desk(display))
            self._pastes = hand.focus.can_press
            while True:
                hand.desk.pump()
                select.select([hand.desk.display.fileno(), self._wake_reader], [], [])
                hand.desk.pump()
                if not self._work(hand):
                    hand.offers.hand_over()
                    hand.desk.display.close()
                    return
        except (DisplayError, ConnectionClosedError, OSError) as error:
            self._lost = unexpected(error)
            while not self._jobs.empty():
                if job := self._jobs.get():
                    job.lost(self._lost)

    def _work(self, hand: _Hand) -> bool:
        """Do what is asked for; whether to go on."""
        ready, _, _ = select.select([self._wake_reader], [], [], 0)
        if ready:
            os.read(self._wake_reader, 4096)
        while not self._jobs.empty():
            job = self._jobs.get()
            if job is None:
                return False
            job.work(hand)
        return True


class _Job:
    def __init__(self, work: Callable[[_Hand], None], lost: Callable[[HobError], None]) -> None:
        self.work = work
        self.lost = lost


class _Hand:
    """What the thread works with."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.offers = Offers(desk)
        self.focus = Focus(desk)

    def read(self, selection: str) -> Clip:
        own = self.offers.own(selection)
        return read_clip(self.desk, selection) if own is None else Clip(text=own)

    def write(self, text: str) -> None:
        if not self.offers.offer("CLIPBOARD", clean(text_clip(text).text)):
            raise DesktopRefused(
                "Another program keeps the clipboard to itself, so nothing was copied.",
                hint="Try it again.",
            )

    def paste(self, text: str) -> None:
        """Whatever goes wrong, the text is on the clipboard then."""
        text = text_clip(text).text
        former = self._former()
        self.write(text)
        how = insertion(text, self.focus.classes(), latin=self.focus.latin)
        self.focus.give_back()
        for selection in how.selections:
            self.offers.offer(selection, how.text)
        self.focus.press(how.keys)
        if not self.desk.wait(lambda: self._takes(how), _TAKEN_LIMIT_S):
            raise DesktopRefused(
                "The window did not take the text. It is on the clipboard.",
                hint="Click where it belongs, and paste it there.",
            )
        if former is not None:
            self._put_back(how, former)

    def _takes(self, how: Insertion) -> int:
        """How often the window's program has taken the text; a clipboard manager's curiosity does
        not count."""
        program = self.desk.program_of(self.focus.remembered)
        return sum(
            self.desk.program_of(window) == program
            for selection in how.selections
            for window in self.offers.taken.get(selection, ())
        )

    def _former(self) -> str | None:
        """What is on the clipboard, if it can be put back as it was: a plain text, no secret."""
        own = self.offers.own("CLIPBOARD")
        if own is not None:
            return own
        with contextlib.suppress(HobError):
            if only_text(offered_types(self.desk, "CLIPBOARD")):
                text = read_clip(self.desk, "CLIPBOARD").text
                return text if text and len(text) <= _MAX_FORMER_CHARS else None
        return None

    def _put_back(self, how: Insertion, former: str) -> None:
        """A moment later, and unless something else was copied meanwhile."""
        self.desk.wait(lambda: self._takes(how) > 1, _QUIET_S)
        if self.offers.own("CLIPBOARD") == how.text:
            self.offers.offer("CLIPBOARD", former)


def _without_value(done: Callable[[], None] | None) -> Callable[[None], None] | None:
    return None if done is None else lambda _: done()
