"""The downloads as the API sees them: scripted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from hob.errors import HobError
from hob.wire.pulls import HubModel, PullEntry, PullEvent, SearchReply

T = TypeVar("T")


@dataclass
class FakeDownloads:
    """A pull tells `events`, waiting for the gates among them."""

    sources: list[str] = field(default_factory=list)
    events: list[PullEvent | asyncio.Event] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    known: list[PullEntry] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    found: tuple[HubModel, ...] = ()
    problem: HobError | None = None

    async def pull(self, source: str) -> AsyncIterator[PullEvent]:
        self.sources.append(source)
        try:
            for event in self.events:
                if isinstance(event, asyncio.Event):
                    await event.wait()
                else:
                    yield event
        finally:
            self.closed.set()

    async def start(self, source: str) -> PullEntry:
        return self._done(f"start {source}", PullEntry(id="1", source=source, state="waiting"))

    def entries(self) -> Sequence[PullEntry]:
        return self.known

    async def cancel(self, id: str, discard: bool) -> PullEntry:
        call = f"{'discard' if discard else 'cancel'} {id}"
        return self._done(call, PullEntry(id=id, source="starter", state="cancelled"))

    async def resume(self, id: str) -> PullEntry:
        return self._done(f"resume {id}", PullEntry(id=id, source="starter", state="waiting"))

    async def search(self, text: str, limit: int) -> SearchReply:
        return self._done(f"search {text} {limit}", SearchReply(models=self.found))

    def _done(self, call: str, reply: T) -> T:
        if self.problem is not None:
            raise self.problem
        self.calls.append(call)
        return reply
