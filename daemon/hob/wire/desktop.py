"""The desktop as a device of the daemon: it attaches, is given orders, and answers them."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from hob.wire.base import Body, ErrorInfo, Value
from hob.wire.plugins import Opens, SentText

HotkeyWay = Literal["x11", "native", "portal", "none"]


class Clip(Value, frozen=True):
    """What the clipboard or the selection holds. `image` is a data URL of a PNG.

    `secret` says that whoever put it there has marked it as a secret; nothing else is told then.
    """

    text: str = ""
    image: str = ""
    secret: bool = False


class HotkeyState(Value, frozen=True):
    """One hotkey on one desktop; `problem` says why it does not work there."""

    action: str
    hotkey: str
    problem: ErrorInfo | None = None


class DesktopHello(Value, frozen=True):
    """The body of POST /hob/v1/desktop/attach. `session` names the screen, such as ":0"; there is
    one desktop for each."""

    session: str
    pid: int


class DesktopState(Value, frozen=True):
    """The body of POST /hob/v1/desktop/state: what a desktop says of itself. `leaving` when the
    person has ended it, so that the daemon does not start it again."""

    desktop: str
    hotkey_way: HotkeyWay = "none"
    hotkeys: tuple[HotkeyState, ...] = ()
    problems: tuple[ErrorInfo, ...] = ()
    leaving: bool = False


class DesktopStatus(Body, frozen=True):
    """One attached desktop."""

    id: str
    session: str
    pid: int
    attached_at: float
    hotkey_way: HotkeyWay = "none"
    hotkeys: tuple[HotkeyState, ...] = ()
    problems: tuple[ErrorInfo, ...] = ()


class DesktopList(Body, frozen=True):
    """`problem` says why the daemon has started none."""

    desktops: tuple[DesktopStatus, ...]
    problem: ErrorInfo | None = None


# ---- orders, as the stream of /attach carries them ----


class Order(Value, frozen=True, tag_field="order"):
    """Base of what the daemon asks of a desktop. `id` is filled in by the daemon; whoever asks
    leaves it empty."""

    id: str = ""


class Attached(Order, frozen=True, tag="attached"):
    """The first of every stream: the desktop's own id. It needs no reply; all others do."""

    desktop: str = ""


class Open(Order, frozen=True, tag="open"):
    """Show a window."""

    opens: Opens = Opens()


class Trigger(Order, frozen=True, kw_only=True, tag="trigger"):
    """Run an action as if its hotkey had been pressed."""

    action: str
    input: str = ""


class ReadClip(Order, frozen=True, tag="read_clip"):
    """The reply's `clip`."""

    source: Literal["clipboard", "selection"] = "clipboard"


class WriteClip(Order, frozen=True, kw_only=True, tag="write_clip"):
    text: SentText


class Paste(Order, frozen=True, kw_only=True, tag="paste"):
    """Put the text into the window that has, or last had, the focus."""

    text: SentText


class Notify(Order, frozen=True, kw_only=True, tag="notify"):
    """Show a notice. `copy` is what its Copy button copies, and what its Open button shows in the
    prompt window; without it there are no buttons."""

    title: Annotated[str, Meta(max_length=200)]
    text: Annotated[str, Meta(max_length=100_000)] = ""
    copy: SentText = ""


class Quit(Order, frozen=True, tag="quit"):
    """End the desktop."""


AnyOrder = Attached | Open | Trigger | ReadClip | WriteClip | Paste | Notify | Quit
# What POST /hob/v1/desktop/ask takes: an order for a desktop.
AskedOrder = Open | Trigger | ReadClip | WriteClip | Paste | Notify | Quit


class DesktopAsk(Value, frozen=True):
    """The body of POST /hob/v1/desktop/ask; `desktop` empty for the one that was used last."""

    order: AskedOrder
    desktop: str = ""


class OrderReply(Value, frozen=True):
    """The body of POST /hob/v1/desktop/reply, and the reply to /ask. `id` is the order's."""

    id: str = ""
    desktop: str = ""
    clip: Clip | None = None
    error: ErrorInfo | None = None


class OrderTaken(Body, frozen=True):
    """The reply to POST /hob/v1/desktop/reply: false when nobody waits for it any more."""

    taken: bool


class Recent(Body, frozen=True):
    """An answer that was given on the desktop. `title` is the question or the action."""

    title: str
    text: str
    at: float


class NewRecent(Value, frozen=True):
    """The body of POST /hob/v1/recent."""

    title: SentText
    text: SentText


class RecentList(Body, frozen=True):
    """The newest first; kept in memory only."""

    answers: tuple[Recent, ...]
