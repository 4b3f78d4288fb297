"""The clipboard on macOS and Windows, by copykitten; the selection by sending the copy keys."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from hob.desktop.clipboard.contents import (
    clean,
    pixels_clip,
    secret_refused,
    text_clip,
)
from hob.desktop.clipboard.jobs import MAX_WAITING, Failed, Post, do, tell, too_busy
from hob.errors import DesktopRefused
from hob.wire.desktop import Clip

T = TypeVar("T")

# A program that has the clipboard and hangs would hang whoever reads.
_ANSWER_LIMIT_S = 5.0
_COPY_LIMIT_S = 1.0
_FOCUS_LIMIT_S = 2.0
_TICK_S = 0.02
_MAX_FORMER_CHARS = 2**20


class System(Protocol):
    """What is asked of macOS or Windows."""

    @property
    def can_press(self) -> bool:
        """Whether keys may be pressed for the person."""

    @property
    def why_not(self) -> DesktopRefused:
        """What to do when they may not."""

    def secret(self) -> bool:
        """Whether what is on the clipboard is marked as a secret; reads nothing of it."""

    def changes(self) -> int:
        """A number that changes with the clipboard."""

    def front(self) -> object | None:
        """What has the focus, unless that is ours; quick, for any thread."""

    def focus(self, front: object) -> bool:
        """Give the focus to it; whether it has it now."""

    def press(self, key: str) -> None:
        """Press a letter with the modifier that means a command."""


class Board(Protocol):
    """What copykitten does."""

    def text(self) -> str | None: ...

    def pixels(self) -> tuple[bytes, int, int] | None: ...

    def put(self, text: str) -> None: ...


class CopykittenBoard:
    def text(self) -> str | None:
        import copykitten

        try:
            return copykitten.paste()
        except copykitten.CopykittenError:
            return None

    def pixels(self) -> tuple[bytes, int, int] | None:
        import copykitten

        try:
            return copykitten.paste_image()
        except copykitten.CopykittenError:
            return None

    def put(self, text: str) -> None:
        import copykitten

        copykitten.copy(text)


class NativeClipboard:
    """A thread does what is asked, one after the other."""

    def __init__(self, post: Post, system: System, board: Board | None = None) -> None:
        self._post = post
        self._system = system
        self._board = board or CopykittenBoard()
        self._front: object | None = None
        self._jobs: queue.Queue[Callable[[], None] | None] = queue.Queue()
        threading.Thread(target=self._main, name="clipboard", daemon=True).start()

    def read(self, done: Callable[[Clip], None], failed: Failed) -> None:
        self._ask(self._read, done, failed)

    def selection(self, done: Callable[[Clip], None], failed: Failed) -> None:
        self._ask(self._copied, done, failed)

    def write(
        self, text: str, done: Callable[[], None] | None = None, failed: Failed | None = None
    ) -> None:
        self._ask(lambda: self._write(text), _without_value(done), failed)

    def note_focus(self) -> None:
        self._front = self._system.front() or self._front

    def paste(
        self, text: str, done: Callable[[], None] | None = None, failed: Failed | None = None
    ) -> None:
        self._ask(lambda: self._paste(text), _without_value(done), failed)

    @property
    def pastes(self) -> bool:
        return self._system.can_press

    def close(self) -> None:
        self._jobs.put(None)

    # ---- the thread ----

    def _ask(
        self, work: Callable[[], T], done: Callable[[T], None] | None, failed: Failed | None
    ) -> None:
        if self._jobs.qsize() >= MAX_WAITING:
            tell(self._post, failed, too_busy())
        else:
            self._jobs.put(lambda: do(self._post, lambda: in_time(work), done, failed))

    def _main(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    def _read(self) -> Clip:
        if self._system.secret():
            raise secret_refused()
        if text := self._board.text():
            return text_clip(text)
        found = self._board.pixels()
        return pixels_clip(*found) if found else Clip()

    def _write(self, text: str) -> None:
        self._board.put(clean(text_clip(text).text))

    def _copied(self) -> Clip:
        """Have the focused program copy its selection, and put back what was there before."""
        if not self._system.can_press:
            raise self._system.why_not
        former = None if self._system.secret() else self._board.text()
        before = self._system.changes()
        self._system.press("c")
        if not _until(lambda: self._system.changes() != before, _COPY_LIMIT_S):
            return Clip()
        try:
            return self._read()
        finally:
            if former and len(former) <= _MAX_FORMER_CHARS:
                self._board.put(former)

    def _paste(self, text: str) -> None:
        """The text stays on the clipboard: nothing tells when a program has taken it."""
        self._write(text)
        if not self._system.can_press:
            raise self._system.why_not
        front = self._front
        if front is None or not _until(lambda: self._system.focus(front), _FOCUS_LIMIT_S):
            raise DesktopRefused(
                "The window that you came from does not take the focus back. The text is on the "
                "clipboard.",
                hint="Click where it belongs, and paste it there.",
            )
        self._system.press("v")


def in_time(work: Callable[[], T], limit_s: float = _ANSWER_LIMIT_S) -> T:
    """The result of `work`, done on a thread of its own that is given up after the limit."""
    results: list[T] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            results.append(work())
        except Exception as error:  # raised again below
            errors.append(error)

    thread = threading.Thread(target=run, name="clipboard work", daemon=True)
    thread.start()
    thread.join(limit_s)
    if errors:
        raise errors[0]
    if not results:
        raise DesktopRefused(
            "The program that has the clipboard does not answer.",
            hint="Copy the text again, or end that program.",
        )
    return results[0]


def _until(check: Callable[[], bool], limit_s: float) -> bool:
    end = time.monotonic() + limit_s
    pause = threading.Event()
    while not check():
        if time.monotonic() > end:
            return False
        pause.wait(_TICK_S)
    return True


def _without_value(done: Callable[[], None] | None) -> Callable[[None], None] | None:
    return None if done is None else lambda _: done()
