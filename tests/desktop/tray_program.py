"""The tray as a process of its own: each line on stdout is something that it has done, as a JSON
list. Without arguments there is no daemon, and each line on stdin is a DaemonView as JSON; with
--live it follows the daemon of HOB_HOME, and tells what it knows of it."""

from __future__ import annotations

import functools
import json
import os
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QApplication

from hob.client import Client
from hob.desktop.bridge import DaemonBridge
from hob.desktop.parts import Parts
from hob.desktop.tray.tray import Tray
from hob.desktop.view import DaemonView
from hob.errors import HobError
from hob.paths import find_paths
from hob.wire.desktop import Clip
from hob.wire.plugins import ActionInfo, Opens

LIVE = "--live"


def tell(*what: object) -> None:
    sys.stdout.write(json.dumps(what, default=str) + "\n")
    sys.stdout.flush()


class SaidReply:
    token = "a-token"


class SaidClient:
    """Tells every call; nothing is done."""

    def __getattr__(self, name: str) -> Callable[..., object]:
        def call(*args: object, **kwargs: object) -> object:
            tell(name, *args, *kwargs.values())
            return SaidReply()

        return call


class SaidBridge(QObject):
    posted = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.view = DaemonView()
        self._told: list[Callable[[DaemonView], None]] = []
        self.posted.connect(lambda call: call(), Qt.ConnectionType.QueuedConnection)

    def watch(self, told: Callable[[DaemonView], None]) -> None:
        self._told.append(told)
        told(self.view)

    def show(self, view: DaemonView) -> None:
        self.view = view
        for told in self._told:
            told(view)
        tell("shown")

    def client(self) -> Client:
        raise NotImplementedError

    def run(
        self,
        work: Callable[[Any], Any],
        done: Callable[[Any], None] | None = None,
        failed: Callable[[HobError], None] | None = None,
    ) -> None:
        result = work(SaidClient())
        if done is not None:
            done(result)

    def post(self, call: Callable[[], None]) -> None:
        self.posted.emit(call)

    def start_daemon(self) -> None:
        tell("start_daemon")

    def refresh(self) -> None:
        tell("refresh")


class LiveBridge(DaemonBridge):
    """The real one."""

    def __init__(self) -> None:
        super().__init__(find_paths(), lambda error: tell("failed", str(error)))

    def show(self, view: DaemonView) -> None:
        raise NotImplementedError


class SaidClipboard:
    pastes = False

    def read(self, done: Callable[[Clip], None], failed: Callable[[HobError], None]) -> None:
        tell("read")

    def selection(self, done: Callable[[Clip], None], failed: Callable[[HobError], None]) -> None:
        tell("selection")

    def write(
        self,
        text: str,
        done: Callable[[], None] | None = None,
        failed: Callable[[HobError], None] | None = None,
    ) -> None:
        tell("write", text)
        if done is not None:
            done()

    def note_focus(self) -> None:
        tell("note_focus")

    def paste(
        self,
        text: str,
        done: Callable[[], None] | None = None,
        failed: Callable[[HobError], None] | None = None,
    ) -> None:
        tell("paste", text)


class SaidNotices:
    def show(
        self,
        title: str,
        text: str = "",
        *,
        copy: str = "",
        open: Callable[[], None] | None = None,
    ) -> None:
        tell("notice", title, text)


class SaidWindows:
    def open(self, opens: Opens) -> None:
        tell("open", opens.window)

    def run_action(self, action: ActionInfo, input: str = "", clip: Clip | None = None) -> None:
        tell("run_action", action.name)

    def show_text(self, title: str, text: str) -> None:
        tell("show_text", title)


class SaidLauncher:
    def edit(self, path: Path) -> None:
        tell("edit", path)

    def show(self, folder: Path) -> None:
        tell("folder", folder)

    def in_terminal(self, argv: Sequence[str]) -> None:
        tell("terminal", *argv[4:])


def main() -> None:
    app = QApplication(sys.argv[:1])
    app.setQuitOnLastWindowClosed(False)
    bridge = LiveBridge() if LIVE in sys.argv else SaidBridge()
    parts = Parts(bridge, SaidClipboard(), SaidNotices())
    tray = Tray(
        parts,
        SaidWindows(),
        quit=app.quit,
        paths=find_paths(),
        launcher=SaidLauncher(),
    )
    if isinstance(bridge, LiveBridge):
        bridge.watch(lambda view: tell("view", msgspec.json.encode(view).decode()))
        bridge.start()

    def read() -> None:
        for line in sys.stdin.buffer:
            view = msgspec.json.decode(line, type=DaemonView)
            bridge.post(functools.partial(bridge.show, view))
        # Threads of Qt may not be torn down by the interpreter's end.
        bridge.post(app.quit)

    threading.Thread(target=read, daemon=True).start()
    app.exec()
    tray.close()
    tell("ended")
    os._exit(0)


if __name__ == "__main__":
    main()
