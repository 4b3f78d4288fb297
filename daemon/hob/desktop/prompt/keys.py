"""The window's commands as Qt actions, and the menu that lists them."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from hob.desktop.prompt.commands import COMMANDS, Command, Name, Situation, usable

# The question box has these keys itself, where the input method comes first.
_ELSEWHERE = {"send", "newline"}
_GROUPS_BEGIN = {"copy", "new", "clipboard", "model", "hide"}


class Keys:
    """Every command as an action of the window; `show` makes those usable that are."""

    def __init__(self, window: QWidget, do: Callable[[Name], None]) -> None:
        self.actions: dict[Name, QAction] = {}
        self._menu = QMenu(window)
        self._menu.setAccessibleName("Actions")
        for command in COMMANDS:
            action = self._action(window, command, do)
            self.actions[command.name] = action
            if command.name == "actions":
                continue
            if command.name in _GROUPS_BEGIN:
                self._menu.addSeparator()
            self._menu.addAction(action)

    @property
    def menu(self) -> QMenu:
        return self._menu

    def show(self, now: Situation) -> None:
        for name, action in self.actions.items():
            action.setEnabled(usable(name, now))

    def _action(self, window: QWidget, command: Command, do: Callable[[Name], None]) -> QAction:
        action = QAction(command.text, window)
        action.setToolTip(command.help)
        action.setStatusTip(command.help)
        keys = [QKeySequence(command.keys)]
        if command.name == "insert":
            keys.append(QKeySequence("Ctrl+Enter"))
        if command.name in _ELSEWHERE:
            action.setText(f"{command.text}\t{keys[0].toString()}")
        else:
            action.setShortcuts(keys)
            action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
        action.triggered.connect(lambda: do(command.name))
        window.addAction(action)
        return action


def is_shortcut(keys: QKeySequence) -> bool:
    """Whether the combination belongs to the window, whatever a text field would do with it."""
    return any(QKeySequence(command.keys) == keys for command in COMMANDS[2:]) or (
        keys == QKeySequence("Ctrl+Enter")
    )
