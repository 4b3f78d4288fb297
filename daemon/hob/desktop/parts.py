"""What the parts of the desktop are to each other. No part imports another; `app` joins them.

All methods are called on the GUI thread and return at once, unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from hob.client import Client
from hob.desktop.view import DaemonView
from hob.errors import HobError
from hob.wire.desktop import Clip, HotkeyState, HotkeyWay
from hob.wire.plugins import ActionInfo, Opens

T = TypeVar("T")


class Bridge(Protocol):
    """The way to the daemon."""

    @property
    def view(self) -> DaemonView: ...

    def watch(self, told: Callable[[DaemonView], None]) -> None:
        """Call `told` now, and after every change, for as long as the desktop lives."""

    def client(self) -> Client:
        """A client, to be used on another thread than the GUI's."""

    def run(
        self,
        work: Callable[[Client], T],
        done: Callable[[T], None] | None = None,
        failed: Callable[[HobError], None] | None = None,
    ) -> None:
        """Do `work` on another thread, then `done` or `failed` on the GUI's. Without `failed`
        the error is shown as a notice."""

    def post(self, call: Callable[[], None]) -> None:
        """Have `call` made on the GUI thread; for use on any thread."""

    def start_daemon(self) -> None:
        """Start the daemon in the background, on another thread; the view tells the outcome."""

    def refresh(self) -> None:
        """Ask the daemon again."""


class Clipboard(Protocol):
    """This screen's clipboard, selection and focus. May be slow: each method calls `done` or
    `failed` on the GUI thread, with DesktopRefused or ClipboardSecret."""

    def read(self, done: Callable[[Clip], None], failed: Callable[[HobError], None]) -> None: ...

    def selection(
        self, done: Callable[[Clip], None], failed: Callable[[HobError], None]
    ) -> None: ...

    def write(
        self,
        text: str,
        done: Callable[[], None] | None = None,
        failed: Callable[[HobError], None] | None = None,
    ) -> None: ...

    def note_focus(self) -> None:
        """Remember which window has the focus; called before one of ours is shown."""

    def paste(
        self,
        text: str,
        done: Callable[[], None] | None = None,
        failed: Callable[[HobError], None] | None = None,
    ) -> None:
        """Give the focus back to the window remembered last, and put the text in."""

    @property
    def pastes(self) -> bool:
        """Whether `paste` can work here."""


class Notices(Protocol):
    """Notifications of the desktop."""

    def show(
        self,
        title: str,
        text: str = "",
        *,
        copy: str = "",
        open: Callable[[], None] | None = None,
    ) -> None:
        """`copy` gives the notice a Copy button, `open` an Open button, where the platform has
        buttons."""


class Closes(Protocol):
    """Holds something of the system, which `close` lets go."""

    def close(self) -> None: ...


class OwnClipboard(Clipboard, Closes, Protocol):
    """For whoever makes it."""


class OwnNotices(Notices, Closes, Protocol):
    """For whoever makes them."""


class Hotkeys(Protocol):
    """Global hotkeys."""

    @property
    def way(self) -> HotkeyWay: ...

    def set(self, wanted: Sequence[tuple[ActionInfo, str]]) -> None:
        """Let exactly these be the hotkeys from now on: actions with their combinations."""

    def close(self) -> None: ...


# Who makes Hotkeys is given these: called on the GUI thread.
Pressed = Callable[[str], None]  # with the action's name
HotkeysTold = Callable[[Sequence[HotkeyState]], None]


class Windows(Protocol):
    """The prompt window and the action menu, as the rest of the desktop sees them."""

    def open(self, opens: Opens) -> None:
        """Show what is wanted, focused, on the screen with the pointer."""

    def run_action(self, action: ActionInfo, input: str = "", clip: Clip | None = None) -> None:
        """Run an action and show what it makes, as it says. What it takes is read first, unless
        `clip` is that; what it asks is asked, unless `input` answers it."""

    def show_text(self, title: str, text: str) -> None:
        """Show a finished answer in the prompt window."""


@dataclass(frozen=True)
class Parts:
    """What a window or the tray may use."""

    bridge: Bridge
    clipboard: Clipboard
    notices: Notices
