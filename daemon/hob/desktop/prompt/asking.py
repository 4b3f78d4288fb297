"""Has the daemon answer, on another thread, and hands what comes to the window's.

Pieces are gathered until the window takes them, so that a fast model never floods it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from hob.client import Client
from hob.client.interrupt import Interrupt
from hob.client.sanitize import TerminalFilter
from hob.client.stream import ChatStream
from hob.desktop.parts import Bridge
from hob.desktop.prompt.conversation import MAX_ANSWER_CHARS, Exchange
from hob.errors import HobError, InvalidRequest
from hob.wire.base import ErrorInfo
from hob.wire.generate import ChatMessage
from hob.wire.plugins import (
    ActionProgress,
    ActionRequest,
    ActionText,
)


@dataclass
class Came:
    """What has come since it was taken last."""

    text: str = ""
    thoughts: str = ""
    progress: ActionProgress | None = None


class Gathered:
    """Filled on one thread and emptied on another."""

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._text: list[str] = []
        self._thoughts: list[str] = []
        self._progress: ActionProgress | None = None
        self._told = False

    def put(
        self, text: str = "", thoughts: str = "", progress: ActionProgress | None = None
    ) -> None:
        with self._lock:
            self._text.append(text)
            self._thoughts.append(thoughts)
            self._progress = progress or self._progress
            tells, self._told = not self._told, True
        if tells:
            self._tell()

    def take(self) -> Came:
        with self._lock:
            came = Came("".join(self._text), "".join(self._thoughts), self._progress)
            self._text.clear()
            self._thoughts.clear()
            self._progress = None
            self._told = False
        return came


class Told(Protocol):
    """Who is told of an answer, on the GUI thread."""

    def came(self, exchange: Exchange, progress: ActionProgress | None) -> None:
        """There is more of its text or thoughts, or it has come on."""

    def ended(self, exchange: Exchange) -> None:
        """It is over; its state says how."""


@dataclass
class _Work:
    """One answer on its way."""

    exchange: Exchange
    interrupt: Interrupt = field(default_factory=Interrupt)
    stopped: bool = False
    filter: TerminalFilter = field(default_factory=TerminalFilter)
    gathered: Gathered | None = None
    hang_up: Callable[[], None] | None = None


class Asking:
    """One answer at a time."""

    def __init__(self, bridge: Bridge, told: Told) -> None:
        self._bridge = bridge
        self._told = told
        self._work: _Work | None = None

    @property
    def running(self) -> bool:
        return self._work is not None

    def ask(self, exchange: Exchange, messages: Sequence[ChatMessage], model: str) -> None:
        """Have the messages answered; the exchange is filled with what comes."""

        def answer(client: Client, work: _Work, gathered: Gathered) -> str:
            stream = client.chat(
                messages,
                model=model,
                interrupt=work.interrupt,
                on_thought=lambda piece: gathered.put(thoughts=piece),
            )
            with stream:
                for piece in bounded(stream):
                    gathered.put(piece)
            return _note(stream)

        self._begin(exchange, answer)

    def run(self, exchange: Exchange, request: ActionRequest) -> None:
        """Have an action run; the exchange is filled with what it makes."""

        def answer(client: Client, work: _Work, gathered: Gathered) -> str:
            stream = client.run_action(request)
            work.hang_up = stream.interrupt
            if work.stopped:
                stream.interrupt()
            with stream:
                for event in stream:
                    match event:
                        case ActionText(text=text):
                            gathered.put(text)
                        case ActionProgress():
                            gathered.put(progress=event)
            return ""

        self._begin(exchange, answer)

    def stop(self) -> None:
        """End it; what has come stays."""
        work = self._work
        if work is None:
            return
        work.stopped = True
        work.interrupt.set()
        if work.hang_up is not None:
            work.hang_up()
        self._end(work, "", None)

    def _begin(self, exchange: Exchange, answer: Callable[[Client, _Work, Gathered], str]) -> None:
        self.stop()
        work = self._work = _Work(exchange)
        gathered = work.gathered = Gathered(lambda: self._bridge.post(lambda: self._take(work)))
        self._bridge.run(
            lambda client: answer(client, work, gathered),
            lambda note: self._end(work, note, None),
            lambda error: self._end(work, "", error),
        )

    def _take(self, work: _Work) -> None:
        if work.gathered is None or work.exchange.over:
            return
        came = work.gathered.take()
        exchange = work.exchange
        exchange.answer += work.filter.feed(came.text)
        exchange.thoughts += came.thoughts
        if exchange.answer or exchange.thoughts:
            exchange.state = "running"
        self._told.came(exchange, came.progress)

    def _end(self, work: _Work, note: str, error: HobError | None) -> None:
        if work.exchange.over:
            return
        self._take(work)
        exchange = work.exchange
        exchange.note = note
        if work.stopped:
            exchange.state = "stopped"
        elif error is not None:
            exchange.state, exchange.error = "failed", ErrorInfo.of(error)
        else:
            exchange.state = "done"
        if self._work is work:
            self._work = None
        self._told.ended(exchange)


def bounded(pieces: Iterator[str]) -> Iterator[str]:
    """Raises InvalidRequest when an answer does not end."""
    chars = 0
    for piece in pieces:
        chars += len(piece)
        if chars > MAX_ANSWER_CHARS:
            raise InvalidRequest(
                f"The answer is longer than {MAX_ANSWER_CHARS // 2**20} MiB, so it was ended.",
                hint="Ask for less at once.",
            )
        yield piece


def _note(stream: ChatStream) -> str:
    """Who has answered and how fast; nothing is cut without a word."""
    if stream.context_full:
        return "Cut here, because the model's context is full. Begin a new conversation (Ctrl+N)."
    if stream.finish_reason == "length":
        return "Cut here, at the longest answer that is allowed. Ask it to go on."
    parts = [stream.model] if stream.model else []
    if stream.timings and stream.usage and stream.usage.completion_tokens > 1:
        speed = stream.timings.tokens_per_second(stream.usage.completion_tokens)
        parts.append(f"{speed:.0f} tokens/s")
    return " · ".join(parts)
