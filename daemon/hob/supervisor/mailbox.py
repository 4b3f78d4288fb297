"""What is posted to an actor, in order."""

from __future__ import annotations

import asyncio

from hob.errors import HobError
from hob.supervisor import problems
from hob.supervisor.inbox import Item, LimitReached, refuse


class Mailbox:
    """Items wait here until the actor takes them. Once it has ended, they are refused on the
    spot."""

    def __init__(self) -> None:
        self._items: asyncio.Queue[Item] = asyncio.Queue()
        self._open = True

    def post(self, item: Item) -> None:
        """Never waits."""
        if self._open:
            self._items.put_nowait(item)
        else:
            refuse(item, problems.stopping())

    async def next(self, deadline: float | None) -> Item:
        """The oldest item, or LimitReached when none comes until then, by the loop's clock."""
        if not self._items.empty():
            return self._items.get_nowait()
        try:
            async with asyncio.timeout_at(deadline):
                return await self._items.get()
        except TimeoutError:
            # A loop that was held up sees the limit first and what arrived in time second.
            return LimitReached() if self._items.empty() else self._items.get_nowait()

    def close(self, error: HobError) -> None:
        """Refuse what is left, and whatever comes."""
        self._open = False
        while not self._items.empty():
            refuse(self._items.get_nowait(), error)
