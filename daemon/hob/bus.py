"""Fan-out of facts to whoever listens: bounded, and never in the way of who publishes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hob.wire.events import Event, EventsLost

QUEUE_LIMIT = 256


class Bus:
    """Give every fact to every subscriber, in order. Belongs to one event loop."""

    def __init__(self, queue_limit: int = QUEUE_LIMIT) -> None:
        self._queue_limit = queue_limit
        self._subscriptions: set[_Subscription] = set()
        self._closed = False

    def publish(self, event: Event) -> None:
        """Hand the fact over; never waits and never raises. After close() it is dropped."""
        for subscription in self._subscriptions:
            subscription.put(event)

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[AsyncIterator[Event]]:
        """Every fact from now on, until the bus is closed.

        A listener that falls behind by more than the queue's limit loses the oldest facts and
        gets EventsLost in their place.
        """
        subscription = _Subscription(self._queue_limit)
        if self._closed:
            subscription.close()
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    def close(self) -> None:
        """End every iterator once it has given out what it holds."""
        self._closed = True
        for subscription in self._subscriptions:
            subscription.close()
        self._subscriptions.clear()


class _Subscription:
    """One listener's queue, as an async iterator."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._queue: deque[Event] = deque()
        self._lost = 0
        self._closed = False
        self._changed = asyncio.Event()

    def put(self, event: Event) -> None:
        if len(self._queue) == self._limit:
            self._queue.popleft()
            self._lost += 1
        self._queue.append(event)
        self._changed.set()

    def close(self) -> None:
        self._closed = True
        self._changed.set()

    def __aiter__(self) -> _Subscription:
        return self

    async def __anext__(self) -> Event:
        while not self._queue:
            if self._closed:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        if self._lost:
            lost, self._lost = self._lost, 0
            return EventsLost(at=self._queue[0].at, count=lost)
        return self._queue.popleft()
