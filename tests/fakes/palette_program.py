"""The action menu on a real screen, with real hotkeys and the real clipboard, and no daemon:
`python palette_program.py FILE [dark]` writes what is chosen into FILE, a line of JSON each."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from fakes.palette_parts import ACTIONS, FakeBridge, HeldClipboard, NoNotices
from hob.desktop.hotkeys.x11 import X11Hotkeys
from hob.desktop.palette import ActionMenu
from hob.desktop.parts import Parts
from hob.desktop.prompt.theme import _DARK, _LIGHT, palette
from hob.desktop.view import DaemonView
from hob.errors import HobError
from hob.wire.desktop import Clip
from hob.wire.plugins import ActionInfo


class Poster(QObject):
    """Has calls made on the GUI thread."""

    posted = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.posted.connect(lambda call: call(), Qt.ConnectionType.QueuedConnection)


class RealClipboard(HeldClipboard):
    def read(self, done: Callable[[Clip], None], failed: Callable[[HobError], None]) -> None:
        done(Clip(text=QGuiApplication.clipboard().text()))


def main() -> None:
    out = Path(sys.argv[1])
    app = QApplication(sys.argv[:1])
    app.setQuitOnLastWindowClosed(False)
    app.setStyle("Fusion")

    def say(**what: Any) -> None:
        with out.open("a") as file:
            file.write(json.dumps(what) + "\n")

    def chosen(action: ActionInfo, input: str, clip: Clip) -> None:
        say(action=action.name, input=input, text=clip.text)

    bridge = FakeBridge(DaemonView(phase="warm", actions=ACTIONS))
    dress = partial(palette, _DARK if "dark" in sys.argv else _LIGHT)
    menu = ActionMenu(Parts(bridge, RealClipboard(), NoNotices()), chosen, dress)
    app.focusWindowChanged.connect(lambda window: say(focus=window.title() if window else ""))
    poster = Poster()
    keys = X11Hotkeys(
        poster.posted.emit,
        lambda name: menu.open("clipboard"),
        lambda states: say(ready=[state.action for state in states if not state.problem]),
    )
    keys.set([(ACTIONS[0], "ctrl+alt+c")])
    app.exec()


if __name__ == "__main__":
    main()
