"""The desktops that are attached, and the orders that are given to them."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import msgspec

from hob.companions.recent import RecentAnswers
from hob.errors import AlreadyRunning, DesktopError, NoDesktop, Overloaded
from hob.wire.base import ErrorInfo
from hob.wire.desktop import (
    AnyOrder,
    Attached,
    DesktopAsk,
    DesktopHello,
    DesktopList,
    DesktopState,
    DesktopStatus,
    NewRecent,
    OrderReply,
    Quit,
    RecentList,
)
from hob.wire.events import DesktopChanged, Event

# Orders that one desktop has not answered yet; more only pile up in front of one that hangs.
MOST_ORDERS = 64


class Desk:
    """Belongs to one event loop; fits ports.Desk.

    `problem` says why the daemon has started no desktop. `watchers` are called after every change.
    """

    def __init__(
        self,
        publish: Callable[[Event], None],
        *,
        problem: Callable[[], ErrorInfo | None] = lambda: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._publish = publish
        self._problem = problem
        self._clock = clock
        self._recent = RecentAnswers(publish, clock)
        self._desktops: list[_Desktop] = []  # the one that was used last is the last
        self._ids = itertools.count(1)
        self._over: set[str] = set()  # sessions whose person has ended the desktop
        self.watchers: list[Callable[[], None]] = []

    # ---- the desktop's side ----

    @contextlib.asynccontextmanager
    async def attach(self, hello: DesktopHello) -> AsyncIterator[AsyncIterator[AnyOrder]]:
        """Be attached as long as the context lasts; the first order is Attached.

        Raises AlreadyRunning when another process has that session. The same process takes its own
        place: it knows before the daemon does that its stream has broken.
        """
        if (other := self._of_session(hello.session)) is not None:
            if other.status.pid != hello.pid:
                raise AlreadyRunning(
                    f"Hob's desktop (pid {other.status.pid}) runs on {hello.session} already, and "
                    "one for each screen is all there is.",
                    hint="End that one first: `Quit` in its menu does.",
                    pid=other.status.pid,
                )
            self._remove(other)
        desktop = _Desktop(
            DesktopStatus(
                id=f"desktop-{next(self._ids)}",
                session=hello.session,
                pid=hello.pid,
                attached_at=self._clock(),
            )
        )
        self._desktops.append(desktop)
        self._over.discard(hello.session)
        desktop.give(Attached(desktop=desktop.status.id))
        self._changed()
        try:
            yield desktop.orders()
        finally:
            self._remove(desktop)

    def reply(self, reply: OrderReply) -> bool:
        """Whether somebody still waited for it."""
        for desktop in self._desktops:
            if (waiting := desktop.waiting.get(reply.id)) is not None and not waiting.done():
                waiting.set_result(reply)
                return True
        return False

    def tell(self, state: DesktopState) -> DesktopStatus:
        """What a desktop says of itself. Raises NoDesktop for one that is not attached."""
        desktop = self._named(state.desktop)
        desktop.status = msgspec.structs.replace(
            desktop.status,
            hotkey_way=state.hotkey_way,
            hotkeys=state.hotkeys,
            problems=state.problems,
        )
        if state.leaving:
            self.mark_over(desktop.status.session)
        self._changed()
        return desktop.status

    def used(self, desktop: str) -> None:
        """A person has just used that desktop, so it is the one meant by default. Other names than
        those of desktops are passed over: one may have gone in the meantime."""
        for found in self._desktops:
            if found.status.id == desktop:
                self._desktops.remove(found)
                self._desktops.append(found)
                return

    # ---- the side of whoever needs one ----

    async def ask(self, asked: DesktopAsk, timeout_s: float) -> OrderReply:
        """Give an order and wait for the reply.

        Raises NoDesktop, the desktop's own error, or DesktopError when it takes too long.
        """
        desktop = self._named(asked.desktop)
        self.used(desktop.status.id)
        id = f"order-{next(self._ids)}"
        waiting = desktop.expect(id)
        desktop.give(msgspec.structs.replace(asked.order, id=id))
        try:
            async with asyncio.timeout(timeout_s):
                reply = await waiting
        except TimeoutError as error:
            raise DesktopError(
                f"The desktop has not answered within {timeout_s:.0f} s, so what was asked of it "
                "may not have been done.",
                hint="Look at the screen: a window may be waiting for you. `hob logs` may say why.",
            ) from error
        except NoDesktop:
            if isinstance(asked.order, Quit):
                # It ended faster than its answer came, which is what was asked for.
                return OrderReply(id=id, desktop=desktop.status.id)
            raise
        finally:
            desktop.waiting.pop(id, None)
        if reply.error is not None:
            raise reply.error.error()
        return msgspec.structs.replace(reply, desktop=desktop.status.id)

    def listing(self) -> DesktopList:
        found = tuple(desktop.status for desktop in self._desktops)
        return DesktopList(desktops=found, problem=None if found else self._problem())

    def has(self, session: str) -> bool:
        """Whether that screen has a desktop."""
        return self._of_session(session) is not None

    def mark_over(self, session: str) -> None:
        """The person has ended the desktop of that screen; it holds until the next one comes."""
        self._over.add(session)

    def is_over(self, session: str) -> bool:
        """Whether the person has ended the last desktop of that screen."""
        return session in self._over

    # ---- recent answers ----

    def recent(self) -> RecentList:
        return self._recent.listing()

    def add_recent(self, answer: NewRecent) -> RecentList:
        return self._recent.add(answer)

    def clear_recent(self) -> RecentList:
        return self._recent.clear()

    def _of_session(self, session: str) -> _Desktop | None:
        return next((each for each in self._desktops if each.status.session == session), None)

    def _named(self, id: str) -> _Desktop:
        found = [each for each in self._desktops if not id or each.status.id == id]
        if found:
            return found[-1]
        if id:
            raise NoDesktop("That desktop is not attached any more.", hint="Try it again.")
        why = self._problem()
        raise NoDesktop(
            "This needs Hob's desktop, and none is attached.",
            hint=f"{why.message} {why.hint}".strip() if why else "`hob desktop` starts it.",
        )

    def _remove(self, desktop: _Desktop) -> None:
        if desktop in self._desktops:
            self._desktops.remove(desktop)
            desktop.end()
            self._changed()

    def _changed(self) -> None:
        self._publish(DesktopChanged(at=self._clock()))
        for told in self.watchers:
            told()


@dataclass(eq=False)
class _Desktop:
    """One that is attached: what it has told, the orders for it, and who waits for its replies."""

    status: DesktopStatus
    waiting: dict[str, asyncio.Future[OrderReply]] = field(default_factory=dict)
    _orders: deque[AnyOrder] = field(default_factory=deque)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _ended: bool = False

    def give(self, order: AnyOrder) -> None:
        self._orders.append(order)
        self._news.set()

    def expect(self, id: str) -> asyncio.Future[OrderReply]:
        if len(self.waiting) >= MOST_ORDERS:
            raise Overloaded(
                f"The desktop has not answered its last {len(self.waiting)} orders, so it is given "
                "no more.",
                hint="Ask again in a moment.",
                retry_after=1,
            )
        self.waiting[id] = asyncio.get_running_loop().create_future()
        return self.waiting[id]

    async def orders(self) -> AsyncIterator[AnyOrder]:
        while True:
            while self._orders:
                yield self._orders.popleft()
            if self._ended:
                return
            self._news.clear()
            await self._news.wait()

    def end(self) -> None:
        """Nothing comes from it any more."""
        self._ended = True
        self._news.set()
        for waiting in self.waiting.values():
            if not waiting.done():
                waiting.set_exception(
                    NoDesktop(
                        "The desktop went away before it answered.",
                        hint="`hob status` shows whether it is back; ask again then.",
                    )
                )
