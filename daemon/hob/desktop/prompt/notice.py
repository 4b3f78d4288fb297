"""Short words to the person inside the window: refusals, and whether an address may be opened."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QTimer, QUrl
from PySide6.QtGui import QDesktopServices

from hob.desktop.prompt.links import safe_address
from hob.desktop.prompt.speaking import announce
from hob.desktop.prompt.state_bar import CLOSE, StateBar
from hob.desktop.prompt.states import BarState
from hob.errors import HobError

_BRIEF_MS = 2_500


class Notice:
    """Owns what one bar says. `open_url` opens an address outside."""

    def __init__(
        self,
        bar: StateBar,
        copy: Callable[[str], None],
        open_url: Callable[[QUrl], object] = QDesktopServices.openUrl,
    ) -> None:
        self._bar = bar
        self._copy = copy
        self._open_url = open_url
        self._address = ""
        self._timer = QTimer(bar)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.clear)
        bar.remedy.connect(self._chosen)

    @property
    def asks(self) -> bool:
        """Whether it waits for an answer."""
        return bool(self._address)

    def refuse(self, error: HobError) -> None:
        self._say(BarState("problem", error.message, error.hint, remedies=((CLOSE, "Close"),)))

    def brief(self, text: str) -> None:
        """A word that goes by itself."""
        self._say(BarState("quiet", text))
        self._timer.start(_BRIEF_MS)

    def ask_link(self, address: str) -> None:
        """Show where a link leads, before it is followed."""
        safe = safe_address(address)
        if safe is None:
            return
        choices = (("open", "Open"), ("copy", "Copy address"), (CLOSE, "Cancel"))
        self._say(BarState("warning", f"Open {safe}?", remedies=choices))
        self._address = safe
        self._bar.focus_first()

    def clear(self) -> None:
        self._timer.stop()
        self._address = ""
        self._bar.show_state(None)

    def _say(self, state: BarState) -> None:
        self.clear()
        self._bar.show_state(state)
        announce(self._bar, f"{state.text} {state.hint}")

    def _chosen(self, remedy: str) -> None:
        address = self._address
        self.clear()
        if remedy == "open":
            self._open_url(QUrl(address))
        elif remedy == "copy":
            self._copy(address)
