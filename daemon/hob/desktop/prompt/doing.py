"""Does what keys, buttons and menus ask for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog, QWidget

from hob.desktop.parts import Parts
from hob.desktop.prompt.bringing import Bringing
from hob.desktop.prompt.commands import Name
from hob.desktop.prompt.frame import Frame
from hob.desktop.prompt.keys import Keys
from hob.desktop.prompt.notice import Notice
from hob.desktop.prompt.pulling import Pulling
from hob.desktop.prompt.session import Session
from hob.errors import HobError


class Comes(Protocol):
    """The window, as far as it is shown and hidden."""

    def come(self) -> None: ...

    def hide(self) -> None: ...


class Doing:
    """`do` a command, or what a button of the state's bar is for."""

    def __init__(
        self,
        *,
        window: QWidget,
        comes: Comes,
        frame: Frame,
        parts: Parts,
        session: Session,
        notice: Notice,
        pulling: Pulling,
        do: Callable[[Name], None],
    ) -> None:
        self._window = window
        self._comes = comes
        self._frame = frame
        self._parts = parts
        self._session = session
        self._notice = notice
        self._pulling = pulling
        self.bringing = bringing = Bringing(
            parts.bridge, parts.clipboard, session.attach, notice.refuse
        )
        self._keys = Keys(window, do)
        self._commands: dict[Name, Callable[[], object]] = {
            "send": self._send,
            "newline": frame.input.break_line,
            "stop": session.stop,
            "retry": session.retry,
            "copy": lambda: self.copy(session.answer),
            "insert": self._insert,
            "new": self._new,
            "clipboard": bringing.clipboard,
            "selection": bringing.selection,
            "file": self._choose_files,
            "model": frame.footer.open_models,
            "actions": self._open_menu,
            "hide": self._hide,
        }

    @property
    def keys(self) -> Keys:
        return self._keys

    def do(self, name: Name) -> None:
        self._commands[name]()

    def remedy(self, remedy: str) -> None:
        match remedy:
            case "start":
                self._parts.bridge.start_daemon()
            case "starter":
                self._pulling.begin()
            case "folder":
                QDesktopServices.openUrl(QUrl.fromLocalFile(self._session.view.folder))
            case "load":
                self._session.load()

    def copy(self, text: str) -> None:
        self._parts.clipboard.write(
            text, lambda: self._notice.brief("Copied."), self._notice.refuse
        )

    def _send(self) -> None:
        box = self._frame.input
        if not box.composing and self._session.send(box.toPlainText()):
            box.put("")
            self._notice.clear()

    def _new(self) -> None:
        self._session.new()
        self._frame.input.setFocus()

    def _insert(self) -> None:
        """The window goes first, so that the focus can go back."""
        text = self._session.answer
        self._comes.hide()
        self._parts.clipboard.paste(text, failed=self._not_inserted)

    def _not_inserted(self, error: HobError) -> None:
        self._comes.come()
        self._notice.refuse(error)

    def _hide(self) -> None:
        if self._notice.asks:
            self._notice.clear()
            self._frame.input.setFocus()
        else:
            self._comes.hide()

    def _choose_files(self) -> None:
        dialog = QFileDialog(self._window, "Attach files")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.filesSelected.connect(
            lambda names: self.bringing.files([Path(name) for name in names])
        )
        dialog.open()

    def _open_menu(self) -> None:
        button = self._frame.footer.anchor("actions")
        menu = self._keys.menu
        corner = button.mapToGlobal(button.rect().topRight())
        corner.setX(corner.x() - menu.sizeHint().width())
        corner.setY(corner.y() - menu.sizeHint().height())
        menu.popup(corner)
