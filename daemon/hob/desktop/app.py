"""The desktop as a whole: its parts put together, and its life from start to quit."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence

from PySide6.QtCore import QSocketNotifier, QTimer
from PySide6.QtWidgets import QApplication

from hob.desktop.bridge import DaemonBridge
from hob.desktop.clipboard import make_clipboard
from hob.desktop.hotkeys import make_hotkeys
from hob.desktop.launcher import APP_ID
from hob.desktop.notices import make_notices
from hob.desktop.obeying import Attachment, Obedience
from hob.desktop.palette import ActionMenu
from hob.desktop.parts import Parts
from hob.desktop.prompt.theme import colors, palette
from hob.desktop.prompt.window import PromptWindow
from hob.desktop.tray.qt_icons import window_icon
from hob.desktop.tray.tray import Tray
from hob.desktop.view import DaemonView
from hob.desktop.windows import DesktopWindows
from hob.display import DesktopExit, Display
from hob.errors import HobError
from hob.paths import Paths
from hob.wire.desktop import DesktopState, HotkeyState

# How long the daemon's last words may be behind the end of its pipe.
_LAST_WORDS_S = 0.7
_STDIN = 0
_log = logging.getLogger("hob.desktop")


def be_desktop(paths: Paths, display: Display, *, companion: bool) -> int:
    """Be the desktop until it is quit; the exit code. `companion` when the daemon started it."""
    app = QApplication(["hob"])
    app.setApplicationName("Hob")
    app.setDesktopFileName(APP_ID)
    app.setWindowIcon(window_icon())
    app.setQuitOnLastWindowClosed(False)
    desktop = Desktop(app, paths, display)
    with _signals(desktop.quit):
        desktop.start()
        if companion:
            desktop.leave_with_the_daemon()
        code = app.exec()
    desktop.close()
    return code


class Desktop:
    """Lives on the GUI thread. `quit` is the person's wish, `leave` the daemon's."""

    def __init__(self, app: QApplication, paths: Paths, display: Display) -> None:
        self._app = app
        self._bridge = DaemonBridge(paths, self._failed)
        self._clipboard = make_clipboard(self._bridge.post)
        self._notices = make_notices(self._bridge.post, self._copy, self._balloon)
        self._parts = Parts(self._bridge, self._clipboard, self._notices)
        # The windows are made now, so that a hotkey has only to show them.
        self._windows = DesktopWindows(self._parts, lambda: self._prompt, lambda: self._menu)
        self._prompt = PromptWindow(self._parts)
        self._menu = ActionMenu(self._parts, self._windows.chosen, lambda: palette(colors()))
        self._tray = Tray(self._parts, self._windows, quit=self.quit, paths=paths)
        self._hotkeys = make_hotkeys(self._bridge.post, self._windows.pressed, self._told)
        self._companion = False
        self._wanted: tuple[tuple[str, str], ...] = ()
        self._states: tuple[HotkeyState, ...] = ()
        self._attachment = Attachment(
            self._bridge,
            display.session,
            obey=Obedience(self._parts, self._windows, self.quit).obey,
            attached=self._attached,
        )

    def start(self) -> None:
        """Begin to follow the daemon; the rest follows from what it says."""
        self._bridge.watch(self._viewed)
        self._bridge.start()
        self._attachment.start()
        _log.info("the desktop runs", extra={"pid": os.getpid()})

    def quit(self) -> None:
        """End it, and tell the daemon that it is to stay so."""
        state = self._state(leaving=True)
        if not state.desktop:
            self._app.exit(DesktopExit.QUIT)
            return
        self._bridge.run(
            lambda client: client.tell_desktop(state),
            lambda _: self._app.exit(DesktopExit.QUIT),
            lambda _: self._app.exit(DesktopExit.QUIT),
        )

    def leave_with_the_daemon(self) -> None:
        """End when the daemon that has started this process stops, or the one after it. One that
        is killed says nothing before: then the desktop stays, and waits for the next."""
        self._companion = True

        def wait() -> None:
            _read_to_end(_STDIN)
            self._bridge.post(lambda: QTimer.singleShot(round(_LAST_WORDS_S * 1000), self._leave))

        threading.Thread(target=wait, name="stdin", daemon=True).start()

    def close(self) -> None:
        """Let go of the screen, the keys and the bus."""
        self._bridge.stop()
        for part in (self._hotkeys, self._tray, self._notices, self._clipboard):
            try:
                part.close()
            except Exception:
                # The screen may be gone by now, and the others want to end too.
                _log.exception("a part of the desktop did not end well")

    def _leave(self) -> None:
        if self._bridge.stopping:
            self._app.exit(DesktopExit.QUIT)

    # ---- hotkeys ----

    def _viewed(self, view: DaemonView) -> None:
        if view.phase == "away" and self._companion:
            self._leave()
        wanted = tuple((each.name, each.hotkey) for each in view.actions if each.hotkey)
        if wanted != self._wanted:
            self._wanted = wanted
            self._hotkeys.set([(each, each.hotkey) for each in view.actions if each.hotkey])

    def _told(self, states: Sequence[HotkeyState]) -> None:
        """How it stands with the hotkeys."""
        self._states = tuple(states)
        self._bridge.hotkey_problems(
            tuple((each.action, each.problem) for each in states if each.problem)
        )
        self._tell()

    def _attached(self, desktop: str) -> None:
        self._bridge.attached(desktop)
        self._tell()

    def _tell(self) -> None:
        state = self._state()
        if state.desktop:
            self._bridge.run(lambda client: client.tell_desktop(state), failed=lambda _error: None)

    def _state(self, *, leaving: bool = False) -> DesktopState:
        return DesktopState(
            desktop=self._bridge.view.desktop,
            hotkey_way=self._hotkeys.way,
            hotkeys=self._states,
            leaving=leaving,
        )

    # ---- what has no other place ----

    def _failed(self, error: HobError) -> None:
        self._notices.show("That did not work", str(error))

    def _copy(self, text: str) -> None:
        self._clipboard.write(text, failed=self._failed)

    def _balloon(self, title: str, text: str) -> None:
        self._tray.balloon(title, text)


@contextlib.contextmanager
def _signals(quit: Callable[[], None]) -> Iterator[None]:
    """SIGTERM and Ctrl-C quit the desktop. Python sees a signal only when it runs code of its own,
    which it does not while Qt waits: hence the socket that a signal writes to."""
    receiver, sender = socket.socketpair()
    for end in (receiver, sender):
        end.setblocking(False)
    before = signal.set_wakeup_fd(sender.fileno())
    notifier = QSocketNotifier(receiver.fileno(), QSocketNotifier.Type.Read)
    notifier.activated.connect(lambda *_: receiver.recv(4096))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: quit())
    try:
        yield
    finally:
        notifier.setEnabled(False)
        signal.set_wakeup_fd(before)
        receiver.close()
        sender.close()


def _read_to_end(number: int) -> None:
    """Return when whoever holds the other end of that pipe lets go of it."""
    with contextlib.suppress(OSError):
        while os.read(number, 4096):
            pass
