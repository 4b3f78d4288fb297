"""What one request or call gets back: its events in order and its result, or the error that ended
it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

import msgspec

from hob.errors import HobError, ProtocolError
from hob.wire.base import ErrorInfo
from hob.wire.calls import Call, CallResult
from hob.wire.engine import Returned
from hob.wire.generate import (
    CallDelta,
    Delta,
    Finished,
    GenerateEvent,
    GenerateRequest,
    Queued,
    Started,
)

# From this many unread events on, text is merged into the last one.
MERGE_FROM = 32
# No honest worker gets here: answers are bounded by max_tokens.
MAX_UNREAD_CHARS = 8 * 2**20
# About what one candidate of a token's log probabilities weighs against a character of text.
_LOGPROB_CHARS = 16

Outcome = Finished | Returned | HobError


class Answer:
    """The reader's and the worker's ends of one request or call.

    A slow reader costs neither the worker's time nor much memory: unread text is merged. The
    iterator gives out all that came before it raises the error that ended the answer. `place` is
    the worker's word on how many go first, None when it has said nothing or has begun.
    """

    def __init__(
        self,
        request: GenerateRequest | Call,
        *,
        on_start: Callable[[Answer], None],
        on_end: Callable[[Answer, Outcome], None],
        on_queue: Callable[[Answer, int], None] = lambda answer, place: None,
    ) -> None:
        self.request = request
        self.heard = False
        self.retried = False
        self.place: int | None = None
        self._on_start = on_start
        self._on_end = on_end
        self._on_queue = on_queue
        self._events: deque[GenerateEvent] = deque()
        self._unread_chars = 0
        self._opened = False
        self._outcome: Outcome | None = None
        self._changed = asyncio.Event()

    @property
    def id(self) -> str:
        return self.request.id

    @property
    def is_call(self) -> bool:
        return not isinstance(self.request, GenerateRequest)

    @property
    def ended(self) -> bool:
        return self._outcome is not None

    def open(self) -> None:
        """A ready worker has been given the request."""
        self._opened = True
        self._changed.set()

    def queue(self, queued: Queued) -> None:
        """It waits inside the worker. Nothing of it has begun, so it is not heard yet."""
        if not self.ended and not self.heard and queued.place != self.place:
            self.place = queued.place
            self._on_queue(self, queued.place)

    def push(self, event: Started | Delta) -> None:
        """More of the answer. Raises ProtocolError when it is more than anyone asked for."""
        if self.ended:
            return
        if isinstance(event, Started) and not self.heard:
            self._on_start(self)
        self.heard = True
        self.place = None
        if self.is_call:
            return  # whose reader waits for the result alone
        if isinstance(event, Delta):
            self._unread_chars += _weight(event)
            if self._unread_chars > MAX_UNREAD_CHARS:
                raise ProtocolError("The model's process sent text without end.")
            last = self._events[-1] if len(self._events) >= MERGE_FROM else None
            if isinstance(last, Delta):
                self._events[-1] = _merged(last, event)
                return
        self._events.append(event)
        self._changed.set()

    def finish(self, outcome: Finished | Returned) -> None:
        """The proper end. Raises ProtocolError for the end of something else than was asked."""
        if self.ended:
            return
        if isinstance(outcome, Returned) != self.is_call:
            raise ProtocolError("The model's process answered something that was not asked.")
        if isinstance(outcome, Finished):
            self._events.append(outcome)
        self._end(outcome)

    def fail(self, error: HobError) -> None:
        """End it with an error; the first outcome stands."""
        if not self.ended:
            # One failure may end many answers, and an exception belongs to one raiser.
            self._end(ErrorInfo.of(error).error())

    def _end(self, outcome: Outcome) -> None:
        self._outcome = outcome
        self.place = None
        self._changed.set()
        self._on_end(self, outcome)

    async def wait_open(self) -> None:
        """Until a ready worker has the request. Raises HobError when that will not happen."""
        while not self._opened:
            if isinstance(self._outcome, HobError):
                raise self._outcome
            await self._wait()

    async def result(self) -> CallResult:
        """What a call returns. Raises HobError."""
        while not isinstance(self._outcome, Returned):
            if isinstance(self._outcome, HobError):
                raise self._outcome
            await self._wait()
        return self._outcome.result

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
            self._unread_chars -= _weight(event)
        return event

    async def _wait(self) -> None:
        self._changed.clear()
        await self._changed.wait()


def _weight(delta: Delta) -> int:
    """What holding it costs, in characters."""
    calls = sum(len(call.arguments) + len(call.name) + len(call.id) for call in delta.calls)
    candidates = sum(1 + len(token.top) for token in delta.logprobs)
    return len(delta.text) + len(delta.reasoning) + calls + _LOGPROB_CHARS * candidates


def _merged(last: Delta, more: Delta) -> Delta:
    return msgspec.structs.replace(
        last,
        text=last.text + more.text,
        tokens=last.tokens + more.tokens,
        reasoning=last.reasoning + more.reasoning,
        calls=_merged_calls(last.calls, more.calls),
        logprobs=last.logprobs + more.logprobs,
    )


def _merged_calls(
    earlier: tuple[CallDelta, ...], later: tuple[CallDelta, ...]
) -> tuple[CallDelta, ...]:
    """One after the other; what continues the last call is joined to it."""
    calls = list(earlier)
    for call in later:
        if calls and calls[-1].index == call.index and not call.id:
            arguments = calls[-1].arguments + call.arguments
            calls[-1] = msgspec.structs.replace(calls[-1], arguments=arguments)
        else:
            calls.append(call)
    return tuple(calls)
