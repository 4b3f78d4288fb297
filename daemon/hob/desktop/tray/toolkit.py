"""pystray, and our menus as its menus."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from hob.desktop.tray.items import Command, Item
from hob.wire.hotkey import parse_hotkey, shown

_CHOICE = "PYSTRAY_BACKEND"


def _import_pystray() -> Any:  # noqa: ANN401 - a module without types
    """On Linux without any of its own backends: what they import is seldom there, and the last
    of them connects to an X server, which Wayland need not have."""
    before = os.environ.get(_CHOICE)
    if sys.platform == "linux":
        os.environ[_CHOICE] = "dummy"
    try:
        import pystray
    finally:
        if before is None:
            os.environ.pop(_CHOICE, None)
        else:
            os.environ[_CHOICE] = before
    return pystray


pystray: Any = _import_pystray()
_MenuItem: Any = pystray.MenuItem


class Line(_MenuItem):  # type: ignore[misc]
    """A pystray.MenuItem that remembers which Item it was made of."""

    def __init__(self, item: Item, do: Callable[[Command], None], platform: str) -> None:
        def chosen(_icon: object, _line: object) -> None:
            if item.command is not None:
                do(item.command)

        super().__init__(
            label(item, platform),
            menu(item.submenu, do, platform) if item.submenu else chosen,
            checked=None if item.checked is None else (lambda _: bool(item.checked)),
            radio=item.radio,
            default=item.default,
            enabled=item.enabled,
        )
        self.item = item


def menu(items: Sequence[Item], do: Callable[[Command], None], platform: str = sys.platform) -> Any:  # noqa: ANN401 - a pystray.Menu
    """A pystray.Menu; `do` is called on whichever thread the backend's menus live on."""
    return pystray.Menu(
        *(pystray.Menu.SEPARATOR if item.separator else Line(item, do, platform) for item in items)
    )


def label(item: Item, platform: str) -> str:
    """The text as the platform's own menus take it. On Linux our backend does the rest."""
    keys = shown(parse_hotkey(item.hotkey), platform) if item.hotkey else ""
    match platform:
        case "win32":
            text = item.label.replace("&", "&&")
            return f"{text}\t{keys}" if keys else text
        case "darwin":
            return f"{item.label}  {keys}" if keys else item.label
        case _:
            return item.label
