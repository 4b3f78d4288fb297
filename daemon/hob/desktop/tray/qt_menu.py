"""A pystray.Menu as a QMenu that is brought up to date line by line, even while it is open."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu

from hob.desktop.tray.difference import Remove, changes
from hob.desktop.tray.toolkit import pystray
from hob.wire.hotkey import parse_hotkey, shown

# The names of modifiers and keys in Qt, where they are not ours.
_QT_KEYS = {
    "super": "Meta", "enter": "Return", "escape": "Esc", "pageup": "PgUp", "pagedown": "PgDown",
    "insert": "Ins", "delete": "Del",
}  # fmt: skip

_SAME_IN_GTK = re.compile(r"[a-z0-9]|f\d+|home|end|up|down|left|right|tab")


@dataclass
class _Line:
    """`item` is the pystray.MenuItem shown now; `sub` is what is below it."""

    action: QAction
    item: Any
    sub: QtMenu | None = None


class QtMenu:
    """`chosen` is called with the pystray.MenuItem that was chosen. With `over_bus` the panel draws
    the menu, and takes underscores for the marks of mnemonics."""

    def __init__(
        self, menu: QMenu, chosen: Callable[[Any], None], *, over_bus: bool = False
    ) -> None:
        self.menu = menu
        self._chosen = chosen
        self._over_bus = over_bus
        self._lines: dict[str, _Line] = {}
        # Exclusive only so that panels draw round marks: what is checked, the items say.
        self._radio = QActionGroup(menu)

    def show(self, items: Iterable[Any]) -> bool:
        """Have the menu say this; whether a submenu came or went anywhere below."""
        wanted = _keyed(items)
        restructured = False
        for change in changes(list(self._lines), list(wanted)):
            if isinstance(change, Remove):
                restructured |= self._remove(change.key)
            else:
                restructured |= self._insert(change.key, wanted[change.key], change.before)
        self._lines = {key: self._lines[key] for key in wanted}
        for key, item in wanted.items():
            restructured |= self._update(self._lines[key], item)
        return restructured

    def _insert(self, key: str, item: Any, before: str | None) -> bool:  # noqa: ANN401
        if item is not pystray.Menu.SEPARATOR and item.submenu is not None:
            submenu = QMenu(self.menu)
            sub = QtMenu(submenu, self._chosen, over_bus=self._over_bus)
            line = _Line(submenu.menuAction(), item, sub)
            sub.show(item.submenu)
        else:
            line = _Line(QAction(self.menu), item)
            line.action.triggered.connect(lambda: self._trigger(line))
        # Said before it is inserted: a panel reads a new line once, then only what changes.
        self._update(line, item)
        following = self._lines[before].action if before is not None else None
        if following is None:
            self.menu.addAction(line.action)
        else:
            self.menu.insertAction(following, line.action)
        self._lines[key] = line
        return line.sub is not None

    def _remove(self, key: str) -> bool:
        line = self._lines.pop(key)
        self.menu.removeAction(line.action)
        if line.sub is None:
            line.action.deleteLater()
            return False
        line.sub.menu.deleteLater()
        return True

    def _update(self, line: _Line, item: Any) -> bool:  # noqa: ANN401
        """Tell Qt only what differs: whatever it is told goes to the panel."""
        line.item = item
        action = line.action
        if item is pystray.Menu.SEPARATOR:
            if not action.isSeparator():
                action.setSeparator(True)
            return False
        keys, written = shown_keys(item.item.hotkey, over_bus=self._over_bus)
        text = escaped(f"{item.text}{written}", over_bus=self._over_bus)
        if action.text() != text:
            action.setText(text)
        if action.isEnabled() != bool(item.enabled):
            action.setEnabled(bool(item.enabled))
        self._update_mark(action, item)
        sequence = QKeySequence(keys)
        if action.shortcut() != sequence:
            action.setShortcut(sequence)
        return line.sub.show(item.submenu) if line.sub is not None else False

    def _update_mark(self, action: QAction, item: Any) -> None:  # noqa: ANN401
        checkable = item.checked is not None
        if action.isCheckable() != checkable:
            action.setCheckable(checkable)
        if item.radio and action.actionGroup() is None:
            self._radio.addAction(action)
        elif not item.radio and action.actionGroup() is not None:
            self._radio.removeAction(action)
        if checkable and action.isChecked() != item.checked:
            action.setChecked(item.checked)

    def _trigger(self, line: _Line) -> None:
        self._chosen(line.item)


def _keyed(items: Iterable[Any]) -> dict[str, Any]:
    """The items by unique keys; a submenu's differs from that of a line of the same name. A line
    with another hotkey is another one, since panels read the hotkey of a new line only."""
    keyed: dict[str, Any] = {}
    last = ""
    for item in items:
        if item is pystray.Menu.SEPARATOR:
            keyed[f"after {last}"] = item
            continue
        kind = "menu" if item.submenu is not None else f"line {item.item.hotkey}"
        last = f"{kind} {item.item.key}"
        keyed[last] = item
    return keyed


def escaped(text: str, *, over_bus: bool) -> str:
    """A label whose every character is shown. Qt takes & for a mark; over the bus it replaces the
    first one by the bus's mark, which is _, and leaves all others alone."""
    if not over_bus:
        return text.replace("&", "&&")
    return text.replace("_", "__").replace("&", "&&", 1)


def shown_keys(hotkey: str, *, over_bus: bool) -> tuple[str, str]:
    """How a hotkey in normal form is shown: as Qt writes it, to stand in a column of its own, and
    else as a part of the label. GTK's menus drop those whose key Qt calls by another name."""
    if not hotkey:
        return "", ""
    parsed = parse_hotkey(hotkey)
    if over_bus and not _SAME_IN_GTK.fullmatch(parsed.key):
        return "", f"  ({shown(parsed, 'linux')})"
    names = (*parsed.modifiers, parsed.key)
    return "+".join(_QT_KEYS.get(name, name.title()) for name in names), ""
