"""What the daemon streams: facts, the progress of a download, and the text of an answer."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Generic, Self, TypeVar

import msgspec

from hob.client.http import Reply
from hob.client.replies import ErrorBody, decode_reply, other_version
from hob.errors import DaemonUnreachable
from hob.wire.chat import HobTool
from hob.wire.events import Event
from hob.wire.generate import Timings, Usage
from hob.wire.pulls import PullDone, PullEvent, PullFailed, PullProgress

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_MAX_EVENT_BYTES = 16 * 2**20


class SseReader:
    """Cuts server-sent events out of a byte stream; of each only the data is kept, since every
    event of Hob names itself in its data."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._data: list[bytes] = []

    def feed(self, piece: bytes) -> list[bytes]:
        """The data of the events that `piece` completes."""
        self._buffer += piece
        if len(self._buffer) > _MAX_EVENT_BYTES:
            raise other_version()
        *lines, rest = self._buffer.split(b"\n")
        self._buffer = rest
        done: list[bytes] = []
        for line in (bytes(line).removesuffix(b"\r") for line in lines):
            field, _, value = line.partition(b":")
            if field == b"data":
                self._data.append(value.removeprefix(b" "))
            elif not line and self._data:
                done.append(b"\n".join(self._data))
                self._data.clear()
        return done


class Stream(Iterator[T_co], Generic[T_co]):
    """Values as they come. Closing it hangs up, and the daemon stops the work behind it.

    One thread iterates and closes; `interrupt` may be called from any.
    """

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._pieces = reply.pieces()
        self._sse = SseReader()
        self._waiting: deque[bytes] = deque()
        self._over = False

    def __next__(self) -> T_co:
        try:
            while not self._over:
                value = self._read(self._next_data())
                if value is not None:
                    return value
        except BaseException:
            self.close()
            raise
        self.close()
        raise StopIteration

    def interrupt(self) -> None:
        """Make the thread that iterates see the end."""
        self._reply.interrupt()

    def close(self) -> None:
        self._over = True
        self._reply.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @abstractmethod
    def _read(self, data: bytes) -> T_co | None:
        """The value of one event; None when there is nothing to hand on. Sets `_over` at the last.

        Raises HobError for an error in the stream.
        """

    def _next_data(self) -> bytes:
        while not self._waiting:
            piece = next(self._pieces, None)
            if piece is None:
                raise DaemonUnreachable(
                    "The stream broke off: Hob ended it before it was complete.",
                    hint="`hob logs` shows why; ask again.",
                )
            self._waiting.extend(self._sse.feed(piece))
        return self._waiting.popleft()


class FactStream(Stream[Event]):
    """Every fact from now on; it ends with DaemonUnreachable when the daemon does."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply)
        self._decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)

    def _read(self, data: bytes) -> Event | None:
        try:
            return self._decoder.decode(data)
        except msgspec.ValidationError:
            # A newer daemon tells facts that this client does not know; they are not for us.
            return None
        except msgspec.DecodeError as error:
            raise other_version() from error


def decode_event(decoder: msgspec.json.Decoder[T], data: bytes) -> T:
    """One event of a stream of which every event is known. Raises DaemonUnreachable."""
    try:
        return decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise other_version() from error


class PullStream(Stream[PullProgress | PullDone]):
    """The progress of a download; PullDone is the last. A failure is raised as its error."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply)
        self._decoder: msgspec.json.Decoder[PullEvent] = msgspec.json.Decoder(PullEvent)

    def _read(self, data: bytes) -> PullProgress | PullDone | None:
        event = decode_event(self._decoder, data)
        if isinstance(event, PullFailed):
            raise event.error.error()
        self._over = isinstance(event, PullDone)
        return event


class _Delta(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None
    hob_tool: HobTool | None = None


class _Choice(msgspec.Struct):
    delta: _Delta = msgspec.field(default_factory=_Delta)
    finish_reason: str | None = None
    context_full: bool | None = None


class _PromptDetails(msgspec.Struct):
    cached_tokens: int = 0


class _Usage(msgspec.Struct):
    prompt_tokens: int
    completion_tokens: int
    prompt_tokens_details: _PromptDetails | None = None


class _Chunk(msgspec.Struct):
    model: str = ""
    choices: list[_Choice] = []
    usage: _Usage | None = None
    timings: Timings | None = None
    error: ErrorBody | None = None


class ChatStream(Stream[str]):
    """The text of one answer, piece by piece.

    After the end, `finish_reason` says why it ended (`stop` or `length`), `usage` counts tokens
    and `timings` is in seconds; they stay None when the stream was closed early. `context_full`
    says that the context was the limit, not max_tokens. `model` is the name of the model that
    answers, known from the first piece. `on_thought` is given the model's thoughts, and `on_tool`
    each tool that Hob runs for it: when it is called, and again with its result.
    """

    def __init__(
        self,
        reply: Reply,
        on_thought: Callable[[str], None] | None = None,
        on_tool: Callable[[HobTool], None] | None = None,
    ) -> None:
        super().__init__(reply)
        self._on_thought = on_thought
        self._on_tool = on_tool
        self.context_full = False
        self.model = ""
        self.finish_reason: str | None = None
        self.usage: Usage | None = None
        self.timings: Timings | None = None

    def _read(self, data: bytes) -> str | None:
        if data == b"[DONE]":
            self._over = True
            return None
        chunk = decode_reply(data, _Chunk)
        if chunk.error is not None:
            raise chunk.error.to_error()
        self.model = chunk.model or self.model
        self.timings = chunk.timings or self.timings
        if chunk.usage is not None:
            details = chunk.usage.prompt_tokens_details
            self.usage = Usage(
                prompt_tokens=chunk.usage.prompt_tokens,
                completion_tokens=chunk.usage.completion_tokens,
                cached_tokens=details.cached_tokens if details else 0,
            )
        text = ""
        for choice in chunk.choices:
            text += choice.delta.content or ""
            if choice.delta.reasoning_content and self._on_thought is not None:
                self._on_thought(choice.delta.reasoning_content)
            if choice.delta.hob_tool is not None and self._on_tool is not None:
                self._on_tool(choice.delta.hob_tool)
            self.context_full = bool(choice.context_full) or self.context_full
            self.finish_reason = choice.finish_reason or self.finish_reason
        return text or None
