"""What one request gets back: its events in order, or the error that ended it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

import msgspec

from hob.errors import HobError, ProtocolError
from hob.wire.base import ErrorInfo
from hob.wire.generate import Delta, Finished, GenerateEvent, GenerateRequest, Started

# From this many unread events on, text is merged into the last one.
MERGE_FROM = 32
# No honest worker gets here: answers are bounded by max_tokens.
MAX_UNREAD_CHARS = 8 * 2**20


class Answer:
    """The reader's and the worker's ends of one request.

    A slow reader costs neither the worker's time nor much memory: unread text is merged. The
    iterator gives out all that came before it raises the error that ended the answer.
    """

    def __init__(
        self,
        request: GenerateRequest,
        *,
        on_start: Callable[[Answer], None],
        on_end: Callable[[Answer, Finished | HobError], None],
    ) -> None:
        self.request = request
        self.heard = False
        self.retried = False
        self._on_start = on_start
        self._on_end = on_end
        self._events: deque[GenerateEvent] = deque()
        self._unread_chars = 0
        self._opened = False
        self._outcome: Finished | HobError | None = None
        self._changed = asyncio.Event()

    @property
    def id(self) -> str:
        return self.request.id

    @property
    def ended(self) -> bool:
        return self._outcome is not None

    def open(self) -> None:
        """A ready worker has been given the request."""
        self._opened = True
        self._changed.set()

    def push(self, event: Started | Delta) -> None:
        """More of the answer. Raises ProtocolError when it is more than anyone asked for."""
        if self.ended:
            return
        if isinstance(event, Started) and not self.heard:
            self._on_start(self)
        self.heard = True
        if isinstance(event, Delta):
            self._unread_chars += len(event.text)
            if self._unread_chars > MAX_UNREAD_CHARS:
                raise ProtocolError("The model's process sent text without end.")
            last = self._events[-1] if len(self._events) >= MERGE_FROM else None
            if isinstance(last, Delta):
                self._events[-1] = msgspec.structs.replace(
                    last, text=last.text + event.text, tokens=last.tokens + event.tokens
                )
                return
        self._events.append(event)
        self._changed.set()

    def finish(self, finished: Finished) -> None:
        if not self.ended:
            self._events.append(finished)
            self._end(finished)

    def fail(self, error: HobError) -> None:
        """End it with an error; the first outcome stands."""
        if not self.ended:
            # One failure may end many answers, and an exception belongs to one raiser.
            self._end(ErrorInfo.of(error).error())

    def _end(self, outcome: Finished | HobError) -> None:
        self._outcome = outcome
        self._changed.set()
        self._on_end(self, outcome)

    async def wait_open(self) -> None:
        """Until a ready worker has the request. Raises HobError when that will not happen."""
        while not self._opened:
            if isinstance(self._outcome, HobError):
                raise self._outcome
            await self._wait()

    def __aiter__(self) -> Answer:
        return self

    async def __anext__(self) -> GenerateEvent:
        while not self._events:
            if isinstance(self._outcome, HobError):
                raise self._outcome
            if self._outcome is not None:
                raise StopAsyncIteration
            await self._wait()
        event = self._events.popleft()
        if isinstance(event, Delta):
            self._unread_chars -= len(event.text)
        return event

    async def _wait(self) -> None:
        self._changed.clear()
        await self._changed.wait()
