"""The attached desktops as the API sees them: scripted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from hob.errors import HobError
from hob.wire.desktop import (
    AnyOrder,
    Clip,
    DesktopAsk,
    DesktopHello,
    DesktopList,
    DesktopState,
    DesktopStatus,
    NewRecent,
    OrderReply,
    Recent,
    RecentList,
)


@dataclass
class FakeDesk:
    """Gives `orders` to whoever attaches, None ending them, and notes all it is told."""

    orders: asyncio.Queue[AnyOrder | None] = field(default_factory=asyncio.Queue)
    hellos: list[DesktopHello] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    told: list[DesktopState] = field(default_factory=list)
    asked: list[DesktopAsk] = field(default_factory=list)
    replies: list[OrderReply] = field(default_factory=list)
    uses: list[str] = field(default_factory=list)
    answers: list[Recent] = field(default_factory=list)
    problem: HobError | None = None

    @asynccontextmanager
    async def attach(self, hello: DesktopHello) -> AsyncIterator[AsyncIterator[AnyOrder]]:
        self._check()
        self.hellos.append(hello)
        try:
            yield self._given()
        finally:
            self.left.set()

    async def _given(self) -> AsyncIterator[AnyOrder]:
        while (order := await self.orders.get()) is not None:
            yield order

    def tell(self, state: DesktopState) -> DesktopStatus:
        self._check()
        self.told.append(state)
        return self.status()

    def used(self, desktop: str) -> None:
        self.uses.append(desktop)

    async def ask(self, asked: DesktopAsk, timeout_s: float) -> OrderReply:
        self._check()
        self.asked.append(asked)
        return OrderReply(id="order-1", desktop="desktop-1", clip=Clip(text="copied"))

    def reply(self, reply: OrderReply) -> bool:
        self.replies.append(reply)
        return True

    def listing(self) -> DesktopList:
        return DesktopList(desktops=(self.status(),))

    def recent(self) -> RecentList:
        return RecentList(answers=tuple(self.answers))

    def add_recent(self, answer: NewRecent) -> RecentList:
        self.answers.insert(0, Recent(title=answer.title, text=answer.text, at=1.0))
        return self.recent()

    def clear_recent(self) -> RecentList:
        self.answers.clear()
        return self.recent()

    def status(self) -> DesktopStatus:
        return DesktopStatus(id="desktop-1", session=":0", pid=7, attached_at=1.0)

    def _check(self) -> None:
        if self.problem is not None:
            raise self.problem
