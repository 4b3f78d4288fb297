"""Notices on Linux, by the session's notification server.

https://specifications.freedesktop.org/notification-spec/latest/
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable

from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from hob.desktop.launcher import APP_ID
from hob.desktop.notices.texts import Balloon, Copy, Notice, Post, body, buttons, fitted
from hob.desktop.session_bus import BusRefused, SessionBus, ask, listen, owner_of

SERVER = "org.freedesktop.Notifications"
_TARGET = (SERVER, "/org/freedesktop/Notifications", SERVER)
_ANSWER_LIMIT_S = 5.0
# Shown one after the other by one process; a plugin that shouts gets no further.
_MAX_WAITING = 20
# Notices that keep their buttons; a server keeps old ones in a list for hours.
_MAX_KEPT = 10


class BusNotices:
    """`copy` and what a notice opens are called on the GUI thread. A notice with the title of one
    that is still shown takes its place."""

    def __init__(
        self, post: Post, copy: Copy, balloon: Balloon, address: str | None = None
    ) -> None:
        self._post = post
        self._copy = copy
        self._balloon = balloon
        # From here on: used on the bus's thread alone.
        self._waiting: list[Notice] = []
        self._more = asyncio.Event()
        # None until the first connection has come about or failed.
        self._there: bool | None = None
        self._server = ""
        self._capabilities: frozenset[str] = frozenset()
        self._shown: OrderedDict[int, Notice] = OrderedDict()
        self._bus = SessionBus("notices", self._serve, self._lost, address)

    def show(
        self,
        title: str,
        text: str = "",
        *,
        copy: str = "",
        open: Callable[[], None] | None = None,
    ) -> None:
        notice = Notice(*fitted(title, text), copy, open)
        self._bus.soon(lambda: self._take(notice))

    def close(self) -> None:
        self._bus.close()

    # ---- on the bus's thread ----

    def _take(self, notice: Notice) -> None:
        # The newest of one title says what counts.
        self._waiting = [each for each in self._waiting if each.title != notice.title]
        self._waiting.append(notice)
        del self._waiting[:-_MAX_WAITING]
        self._more.set()
        if self._there is False:
            self._fall_back()

    def _fall_back(self) -> None:
        waiting, self._waiting = self._waiting, []
        for notice in waiting:
            self._balloon_for(notice)

    def _balloon_for(self, notice: Notice) -> None:
        self._post(lambda: self._balloon(notice.title, notice.text))

    def _lost(self, why: str) -> None:
        self._there = False
        self._shown.clear()
        self._fall_back()

    async def _serve(self, bus: MessageBus) -> None:
        self._there = True
        bus.add_message_handler(self._heard)
        with contextlib.suppress(BusRefused):
            await listen(bus, f"type='signal',sender='{SERVER}',interface='{SERVER}'")
        while True:
            while self._waiting:
                notice = self._waiting.pop(0)
                try:
                    await self._notify(bus, notice)
                except BusRefused:
                    # No server, or one that hangs.
                    self._server = ""
                    self._balloon_for(notice)
            self._more.clear()
            await self._more.wait()

    async def _notify(self, bus: MessageBus, notice: Notice) -> None:
        await self._know_server(bus)
        same = (number for number, each in self._shown.items() if each.title == notice.title)
        hints = {"desktop-entry": Variant("s", APP_ID)}
        told = [
            *("Hob", next(same, 0), "hob", notice.title),
            body(notice.text, self._capabilities),
            *(buttons(notice, self._capabilities), hints, -1),
        ]
        reply = await ask(bus, _TARGET, "Notify", "susssasa{sv}i", told, limit_s=_ANSWER_LIMIT_S)
        number = reply.body[0] if reply.signature == "u" else 0
        self._shown.pop(number, None)
        self._shown[number] = notice
        while len(self._shown) > _MAX_KEPT:
            self._shown.popitem(last=False)

    async def _know_server(self, bus: MessageBus) -> None:
        """Ask what the server can; again when it is another one."""
        owner = await owner_of(bus, SERVER)
        if owner and owner == self._server:
            return
        self._shown.clear()
        reply = await ask(bus, _TARGET, "GetCapabilities", limit_s=_ANSWER_LIMIT_S)
        listed = reply.body[0] if reply.signature == "as" else []
        self._capabilities = frozenset(listed)
        # It may have been started by the question.
        self._server = reply.sender or ""

    def _heard(self, message: Message) -> None:
        if message.message_type is not MessageType.SIGNAL or message.sender != self._server:
            return
        if message.member == "ActionInvoked" and message.signature == "us":
            number, key = message.body
            notice = self._shown.get(number)
            if notice is not None:
                self._invoke(notice, key)
        elif message.member == "NotificationClosed" and message.signature == "uu":
            self._shown.pop(message.body[0], None)

    def _invoke(self, notice: Notice, key: str) -> None:
        if key == "copy" and notice.copy:
            self._post(lambda: self._copy(notice.copy))
        elif key in ("open", "default") and notice.open is not None:
            self._post(notice.open)
