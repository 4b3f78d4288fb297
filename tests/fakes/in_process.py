"""Workers inside the test's own process, for tests in virtual time; see fake_worker for real ones.

Each behaves well unless told otherwise, and answers `TOKENS` words. A test drives it by hand with
`say`, `die` and the `auto` switches. Loads take `load_s` seconds and answers `answer_s`.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from typing import cast

from fakes.fake_worker import BUILD, call_result, loaded_info
from hob.errors import Cancelled
from hob.wire.base import ErrorInfo
from hob.wire.calls import Call
from hob.wire.engine import (
    PROTOCOL_VERSION,
    Ask,
    Cancel,
    Failed,
    FromWorker,
    Generate,
    Hello,
    Load,
    Loaded,
    Returned,
    Stop,
    ToWorker,
    to_worker_decoder,
)
from hob.wire.frames import FrameReader, encode_frame
from hob.wire.generate import Delta, Finished, GenerateRequest, Started, Timings, Usage

TOKENS = 4


class World:
    """All the workers of a test, and the switches that new ones start with."""

    def __init__(self) -> None:
        self.children: list[FakeChild] = []
        self.most_alive = 0
        self.auto_hello = True
        self.auto_load = True
        self.auto_answer = True
        self.obeys_stop = True
        self.load_s = 0.0
        self.answer_s = 0.0
        self.spawn_error: OSError | None = None
        self._pids = itertools.count(100)

    async def spawn(self, argv: Sequence[str]) -> FakeChild:
        await asyncio.sleep(0)
        if self.spawn_error is not None:
            raise self.spawn_error
        child = FakeChild(self, next(self._pids))
        self.children.append(child)
        self.most_alive = max(self.most_alive, len(self.alive()))
        return child

    def alive(self, path: str | None = None) -> list[FakeChild]:
        """Processes that run; with `path` those that were told to load it."""
        running = [child for child in self.children if not child.ended]
        return [child for child in running if path is None or child.path == path]


class _Stdin:
    """What the link uses of a StreamWriter."""

    def __init__(self, child: FakeChild) -> None:
        self._child = child
        self._reader = FrameReader()

    def write(self, data: bytes) -> None:
        for body in self._reader.feed(data):
            self._child.take(to_worker_decoder.decode(body))

    def is_closing(self) -> bool:
        return self._child.ended

    def close(self) -> None:
        pass


class FakeChild:
    def __init__(self, world: World, pid: int) -> None:
        self.world = world
        self.pid = pid
        self.path = ""
        self.context = 0
        self.received: list[ToWorker] = []
        self.live: dict[str, GenerateRequest | Call] = {}
        self.stdin = cast("asyncio.StreamWriter", _Stdin(self))
        self.stdout = asyncio.StreamReader()
        self.stderr = asyncio.StreamReader()
        self._exit: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        if world.auto_hello:
            self.greet()

    @property
    def ended(self) -> bool:
        return self._exit.done()

    async def wait(self) -> int:
        return await asyncio.shield(self._exit)

    def kill(self) -> None:
        self.die(-9)

    def die(self, code: int) -> None:
        if not self.ended:
            self._exit.set_result(code)
            self.stdout.feed_eof()
            self.stderr.feed_eof()

    def say(self, message: FromWorker) -> None:
        self.stdout.feed_data(encode_frame(message))

    def greet(self) -> None:
        self.say(Hello(protocol=PROTOCOL_VERSION, pid=self.pid, build=BUILD))

    def take(self, message: ToWorker) -> None:
        self.received.append(message)
        match message:
            case Load():
                self.path = message.path
                self.context = message.options.context_length
                if self.world.auto_load:
                    self.after(self.world.load_s, self.finish_load)
            case Generate(request):
                self.live[request.id] = request
                if self.world.auto_answer:
                    self.after(self.world.answer_s, lambda: self.answer(request.id))
            case Ask(call):
                self.live[call.id] = call
                if self.world.auto_answer:
                    self.after(self.world.answer_s, lambda: self.answer(call.id))
            case Cancel(request_id):
                self.cancel(request_id)
            case Stop():
                if self.world.obeys_stop:
                    self.die(0)

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Now, or in so much time if it is still there."""
        if seconds:
            loop = asyncio.get_running_loop()
            loop.call_later(seconds, lambda: None if self.ended else act())
        else:
            act()

    def start(self, request_id: str) -> None:
        """The first word on an answer."""
        self.say(Started(id=request_id, prompt_tokens=1))

    def finish_load(self) -> None:
        load = next(item for item in self.received if isinstance(item, Load))
        self.say(Loaded(info=loaded_info(load)))

    def cancel(self, request_id: str) -> None:
        asked = self.live.pop(request_id, None)
        if isinstance(asked, GenerateRequest):
            self.finish(request_id, "cancelled")
        elif asked is not None:
            error = ErrorInfo.of(Cancelled("The call was taken back."))
            self.say(Failed(id=request_id, error=error))

    def answer(self, request_id: str) -> None:
        if (asked := self.live.get(request_id)) is None:
            return  # it was taken back
        if not isinstance(asked, GenerateRequest):
            del self.live[request_id]
            self.say(Returned(id=request_id, result=call_result(asked)))
            return
        self.say(Started(id=request_id, prompt_tokens=1))
        for number in range(TOKENS):
            self.say(Delta(id=request_id, text=f"{number} "))
        self.finish(request_id)
        self.live.pop(request_id, None)

    def finish(self, request_id: str, reason: str = "stop") -> None:
        self.say(
            Finished(
                id=request_id,
                reason="cancelled" if reason == "cancelled" else "stop",
                usage=Usage(prompt_tokens=1, completion_tokens=TOKENS),
                timings=Timings(decode_s=0.03),
            )
        )
