"""Who waits for a model: requests in order, and those who only want it ready."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator

from hob.errors import HobError
from hob.supervisor.answer import Answer
from hob.wire.base import ErrorInfo


class Waiting:
    """`answers` keep their order. A `ready` future whose owner has left counts no more."""

    def __init__(self) -> None:
        self.answers: deque[Answer] = deque()
        self._readies: list[asyncio.Future[None]] = []

    def __bool__(self) -> bool:
        return bool(self.answers) or self.has_readies

    @property
    def has_readies(self) -> bool:
        """Whether somebody waits for the model itself, not for an answer."""
        return any(not ready.done() for ready in self._readies)

    def add_ready(self, ready: asyncio.Future[None]) -> None:
        self._readies.append(ready)

    def take_answers(self) -> Iterator[Answer]:
        """The requests, oldest first; each leaves as it is given out."""
        while self.answers:
            yield self.answers.popleft()

    def take_readies(self) -> list[asyncio.Future[None]]:
        readies, self._readies = self._readies, []
        return [ready for ready in readies if not ready.done()]

    def remove(self, answer: Answer) -> bool:
        """Whether the request waited here."""
        if answer not in self.answers:
            return False
        self.answers.remove(answer)
        return True

    def fail(self, error: HobError) -> None:
        """Everyone gets the error, and nobody waits any more."""
        for answer in self.take_answers():
            answer.fail(error)
        for ready in self.take_readies():
            # One failure may have many waiters, and an exception belongs to one raiser.
            ready.set_exception(ErrorInfo.of(error).error())
