"""The clipboard and the selection on Wayland, where no program can reach another's windows."""

from __future__ import annotations

import contextlib
import os
import queue
import select
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from hob.desktop.clipboard.contents import (
    MAX_IMAGE_BYTES,
    MAX_TEXT_BYTES,
    best_type,
    clean,
    is_secret,
    picture_clip,
    secret_refused,
    text_clip,
    text_of,
)
from hob.desktop.clipboard.jobs import MAX_WAITING, Failed, Post, do, tell, too_busy
from hob.desktop.clipboard.wayland_control import DataControl, NoControl
from hob.desktop.clipboard.wayland_wire import Broken, Connection, socket_path
from hob.errors import DesktopRefused
from hob.wire.desktop import Clip

T = TypeVar("T")


class WaylandClipboard:
    """A thread with a connection of its own where the compositor allows that; elsewhere our
    focused window, on the GUI thread."""

    def __init__(self, post: Post, path: Path | None = None) -> None:
        self._post = post
        self._path = path or socket_path(os.environ)
        self._jobs: queue.Queue[Callable[[DataControl | None], None] | None] = queue.Queue()
        self._wake_reader, self._wake_writer = os.pipe()
        os.set_blocking(self._wake_writer, False)
        self._thread = threading.Thread(target=self._main, name="clipboard", daemon=True)
        self._thread.start()

    # ---- what the desktop calls ----

    def read(self, done: Callable[[Clip], None], failed: Failed) -> None:
        self._read("CLIPBOARD", done, failed)

    def selection(self, done: Callable[[Clip], None], failed: Failed) -> None:
        self._read("PRIMARY", done, failed)

    def write(
        self, text: str, done: Callable[[], None] | None = None, failed: Failed | None = None
    ) -> None:
        self._ask(
            lambda control: control.offer(clean(text_clip(text).text)),
            lambda: _focused_write(text),
            None if done is None else lambda _: done(),
            failed,
        )

    def note_focus(self) -> None:
        """Nobody is told which window has the focus."""

    def paste(
        self, text: str, done: Callable[[], None] | None = None, failed: Failed | None = None
    ) -> None:
        def copied() -> None:
            tell(
                self._post,
                failed,
                DesktopRefused(
                    "Wayland lets no program put text into another one's window. It is on the "
                    "clipboard.",
                    hint="Click where it belongs, and press Ctrl+V.",
                ),
            )

        self.write(text, copied, failed)

    @property
    def pastes(self) -> bool:
        return False

    def close(self) -> None:
        """Give up what is on offer."""
        self._jobs.put(None)
        self._wake()
        self._thread.join(2)

    # ---- the thread ----

    def _read(self, selection: str, done: Callable[[Clip], None], failed: Failed) -> None:
        self._ask(
            lambda control: _read_by(control, selection),
            lambda: _focused_read(selection),
            done,
            failed,
        )

    def _ask(
        self,
        work: Callable[[DataControl], T],
        focused: Callable[[], T],
        done: Callable[[T], None] | None,
        failed: Failed | None,
    ) -> None:
        def job(control: DataControl | None) -> None:
            if control is None:
                self._post(lambda: do(self._post, focused, done, failed))
            else:
                do(self._post, lambda: work(control), done, failed)

        if self._jobs.qsize() >= MAX_WAITING:
            tell(self._post, failed, too_busy())
            return
        self._jobs.put(job)
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            os.write(self._wake_writer, b"x")

    def _main(self) -> None:
        control = self._connected()
        while True:
            heard = -1 if control is None else control.fileno()
            watched = [each for each in (self._wake_reader, heard) if each >= 0]
            ready, _, _ = select.select(watched, [], [])
            if self._wake_reader in ready:
                os.read(self._wake_reader, 4096)
            try:
                if control is not None and heard in ready:
                    control.pump()
                if not self._work(control):
                    return
            except Broken:
                # The next one may be granted again; what was on offer is lost either way.
                control = self._connected()

    def _connected(self) -> DataControl | None:
        connection = None
        try:
            connection = Connection(self._path)
            return DataControl(connection)
        except (OSError, NoControl):
            if connection is not None:
                connection.close()
            return None

    def _work(self, control: DataControl | None) -> bool:
        """Do what is asked for; whether to go on."""
        while not self._jobs.empty():
            job = self._jobs.get()
            if job is None:
                return False
            job(control)
        return True


def _read_by(control: DataControl, selection: str) -> Clip:
    own = control.own() if selection == "CLIPBOARD" else None
    if own is not None:
        return Clip(text=own)
    types = control.types(selection)
    if is_secret(types):
        raise secret_refused()
    chosen = best_type(types)
    if chosen is None:
        return Clip()
    kind, picture = chosen
    data = control.fetch(selection, kind, MAX_IMAGE_BYTES if picture else MAX_TEXT_BYTES)
    if picture:
        return picture_clip(data) if data else Clip()
    return Clip(text=text_of(data, kind))


def _focused_read(selection: str) -> Clip:
    from hob.desktop.clipboard.focused import read_focused

    return read_focused(selection)


def _focused_write(text: str) -> None:
    from hob.desktop.clipboard.focused import write_focused

    write_focused(text)
