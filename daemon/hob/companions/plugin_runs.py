"""What is asked of the process of the plugins and not answered yet."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from types import MappingProxyType

import msgspec

from hob.companions import plugin_words
from hob.errors import HobError
from hob.wire.base import ErrorInfo
from hob.wire.plugin_host import Managed, Rewritten, ToolResult
from hob.wire.plugins import (
    MAX_TEXT_CHARS,
    ActionEvent,
    ActionFailed,
    ActionFinished,
    ActionProgress,
    ActionText,
)

MAX_RUNS = 64
MAX_QUESTIONS = 256
NOTE_CHARS = 500
# Events that wait for a slow reader. Beyond these progress is dropped; text is never.
_AHEAD = 256
_PIECES = 1024

Reply = ToolResult | Rewritten | Managed


class Run:
    """The events of one run of an action. Texts that wait become one, so that a reader who is slow
    costs no more than the text itself, and that is bounded."""

    def __init__(self, plugin: str) -> None:
        self.plugin = plugin
        # The process has told of its end, or is gone; else it must be told to stop.
        self.over = False
        self._queue: deque[ActionEvent | list[str]] = deque()
        self._chars = 0
        self._ended = False
        self._changed = asyncio.Event()

    def put(self, event: ActionEvent) -> None:
        """What the process says; nothing counts after the end."""
        if self._ended:
            return
        match event:
            case ActionText():
                self._put_text(event.text)
            case ActionProgress():
                self._put_progress(event)
            case ActionFinished() | ActionFailed():
                self.over = True
                self._end_with(event)
            case _:
                self._queue.append(event)
        self._changed.set()

    def fail(self, error: HobError) -> None:
        """It ends here, whatever the process still says."""
        if not self._ended:
            self._end_with(ActionFailed(error=ErrorInfo.of(error)))
            self._changed.set()

    async def next(self) -> ActionEvent | None:
        """The next event; None after the last."""
        while not self._queue:
            if self._ended:
                return None
            self._changed.clear()
            await self._changed.wait()
        event = self._queue.popleft()
        return ActionText(text="".join(event)) if isinstance(event, list) else event

    def _put_text(self, text: str) -> None:
        self._chars += len(text)
        if self._chars > MAX_TEXT_CHARS:
            self.fail(plugin_words.too_much_text(self.plugin, MAX_TEXT_CHARS))
        elif text:
            last = self._queue[-1] if self._queue else None
            if not isinstance(last, list):
                self._queue.append(last := [])
            last.append(text)
            if len(last) > _PIECES:
                last[:] = ["".join(last)]

    def _put_progress(self, event: ActionProgress) -> None:
        if len(event.note) > NOTE_CHARS:
            event = msgspec.structs.replace(event, note=event.note[:NOTE_CHARS])
        if self._queue and isinstance(self._queue[-1], ActionProgress):
            self._queue[-1] = event
        elif len(self._queue) < _AHEAD:
            self._queue.append(event)

    def _end_with(self, event: ActionEvent) -> None:
        self._queue.append(event)
        self._ended = True


class Waiting:
    """Runs and questions by their ids; so many of each at once."""

    def __init__(self) -> None:
        self._ids = count(1)
        self._runs: dict[str, Run] = {}
        self._questions: dict[str, asyncio.Future[Reply]] = {}

    @contextmanager
    def run(self, plugin: str) -> Iterator[tuple[str, Run]]:
        """Room for one run. Raises Overloaded."""
        _check_room(len(self._runs), MAX_RUNS)
        id_ = f"run-{next(self._ids)}"
        run = self._runs[id_] = Run(plugin)
        try:
            yield id_, run
        finally:
            del self._runs[id_]

    @contextmanager
    def question(self) -> Iterator[tuple[str, asyncio.Future[Reply]]]:
        """Room for one question. Raises Overloaded."""
        _check_room(len(self._questions), MAX_QUESTIONS)
        id_ = f"ask-{next(self._ids)}"
        reply = self._questions[id_] = asyncio.get_running_loop().create_future()
        try:
            yield id_, reply
        finally:
            del self._questions[id_]
            if not reply.cancel() and not reply.cancelled():
                reply.exception()  # seen, also when whoever asked has left

    def event(self, id_: str, event: ActionEvent) -> None:
        """Of a run that was left already, nobody wants to know more."""
        if (run := self._runs.get(id_)) is not None:
            run.put(event)

    def reply(self, reply: Reply) -> None:
        waiting = self._questions.get(reply.id)
        if waiting is not None and not waiting.done():
            waiting.set_result(reply)

    def fail(
        self, error: HobError, of_plugins: Mapping[str, HobError] = MappingProxyType({})
    ) -> None:
        """Tell everybody that waits. `of_plugins` is what the runs of these plugins are told."""
        for run in self._runs.values():
            run.fail(of_plugins.get(run.plugin, error))
            run.over = True
        for waiting in self._questions.values():
            if not waiting.done():
                waiting.set_exception(error)


def _check_room(held: int, limit: int) -> None:
    if held >= limit:
        raise plugin_words.busy(held)
