"""The prompt window as a process of its own, with the real bridge and clipboard: each line on
stdin is an order, and each is answered by a line with what the window is then, as JSON."""

from __future__ import annotations

import json
import os
import sys

from PySide6.QtCore import QSocketNotifier
from PySide6.QtWidgets import QApplication, QLabel

from desktop.fakes import FakeNotices
from hob.desktop.bridge import DaemonBridge
from hob.desktop.clipboard import make_clipboard
from hob.desktop.immortal import keep_singletons
from hob.desktop.parts import Parts
from hob.desktop.prompt.window import PromptWindow
from hob.errors import HobError
from hob.paths import find_paths
from hob.wire.plugins import Opens


def report(error: HobError) -> None:
    sys.stderr.write(f"{error}\n")


def said_by(window: PromptWindow) -> dict[str, object]:
    last = window.session.conversation.last
    return {
        "visible": window.visible,
        "active": window.isActiveWindow(),
        "typed": window.frame.input.toPlainText(),
        "answer": window.session.answer,
        "state": last.state if last else "",
        "phase": window.session.view.phase,
        "attached": [each.name for each in window.session.attachments],
        "words": [each.text() for each in window.findChildren(QLabel) if each.isVisible()],
    }


def main() -> None:
    keep_singletons()
    app = QApplication(sys.argv)
    app.setQuitOnLastWindowClosed(False)
    bridge = DaemonBridge(find_paths(os.environ), report)
    clipboard = make_clipboard(bridge.post)
    window = PromptWindow(Parts(bridge, clipboard, FakeNotices()))
    bridge.start()

    def obey() -> None:
        line = sys.stdin.readline()
        if not line:
            app.quit()
        elif line.strip() == "open":
            window.open(Opens())
        sys.stdout.write(json.dumps(said_by(window)) + "\n")
        sys.stdout.flush()

    orders = QSocketNotifier(sys.stdin.fileno(), QSocketNotifier.Type.Read)
    orders.activated.connect(obey)
    app.exec()
    bridge.stop()


if __name__ == "__main__":
    main()
