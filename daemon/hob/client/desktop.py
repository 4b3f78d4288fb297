"""The desktop's requests, and what others ask of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hob.client.caller import Caller

if TYPE_CHECKING:
    from hob.client.orders import OrderStream
    from hob.wire.desktop import (
        AskedOrder,
        DesktopHello,
        DesktopList,
        DesktopState,
        DesktopStatus,
        NewRecent,
        OrderReply,
        RecentList,
    )


class DesktopCalls(Caller):
    """What the client asks of the desk; see Client."""

    def attach_desktop(self, hello: DesktopHello, *, timeout: float | None = None) -> OrderStream:
        """Be a desktop of the daemon as long as the stream is open; `timeout` bounds the wait for
        each order or sign of life, in seconds. Raises AlreadyRunning when the screen has one."""
        from hob.client.orders import OrderStream

        reply = self._open("POST", "/hob/v1/desktop/attach", hello, timeout=timeout)
        return self._stream(OrderStream(reply))

    def reply_order(self, reply: OrderReply) -> None:
        """Answer an order of the stream."""
        self._request("POST", "/hob/v1/desktop/reply", reply)

    def tell_desktop(self, state: DesktopState) -> DesktopStatus:
        """Say what works and what does not on this desktop."""
        from hob.wire.desktop import DesktopStatus

        return self._call("POST", "/hob/v1/desktop/state", DesktopStatus, state)

    def ask_desktop(self, order: AskedOrder, desktop: str = "") -> OrderReply:
        """Have a desktop (empty: the one that was used last) do something, and wait for it.

        Raises NoDesktop, what the desktop says instead, or DesktopError when it takes too long.
        """
        from hob.wire.desktop import DesktopAsk, OrderReply

        body = DesktopAsk(order=order, desktop=desktop)
        return self._call("POST", "/hob/v1/desktop/ask", OrderReply, body, waits=True)

    def desktops(self) -> DesktopList:
        """The desktops that are attached."""
        from hob.wire.desktop import DesktopList

        return self._call("GET", "/hob/v1/desktop", DesktopList)

    def recent(self) -> RecentList:
        """The last answers of the desktop, the newest first."""
        from hob.wire.desktop import RecentList

        return self._call("GET", "/hob/v1/recent", RecentList)

    def add_recent(self, answer: NewRecent) -> RecentList:
        """Remember an answer; what is remembered then."""
        from hob.wire.desktop import RecentList

        return self._call("POST", "/hob/v1/recent", RecentList, answer)

    def clear_recent(self) -> RecentList:
        """Forget the answers."""
        from hob.wire.desktop import RecentList

        return self._call("POST", "/hob/v1/recent/clear", RecentList, {})
