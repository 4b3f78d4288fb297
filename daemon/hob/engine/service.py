"""What answers in a worker once its model is loaded: one kind of service for each kind of model."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec.structs import replace

from hob.engine.assembly import Assembler
from hob.engine.inbox import Accepted, Cancelled, Drain
from hob.engine.loop import EngineLoop
from hob.engine.preparation import Preparation
from hob.wire.calls import Prefill
from hob.wire.chat import ChatMessage
from hob.wire.engine import Ask, Cancel, FromWorker, Generate, WarmPrompt
from hob.wire.generate import GenerateRequest

Order = Generate | Ask | Cancel


class Service(Protocol):
    """Takes orders on one thread and runs on another."""

    def post(self, order: Order) -> None:
        """An order of the daemon; on the reader's thread. Does not block."""

    def drain(self) -> None:
        """Finish what there is, and let `run` end; from any thread."""

    def run(self) -> None:
        """Answer until drained."""


class TextService:
    """Generates text: the preparation's thread in front of the engine loop."""

    def __init__(
        self,
        loop: EngineLoop,
        make_assembler: Callable[[], Assembler],
        emit: Callable[[FromWorker], None],
        warm_prompts: Sequence[WarmPrompt] = (),
    ) -> None:
        self._loop = loop
        self._warm_prompts = warm_prompts
        self._preparation = Preparation(make_assembler, loop.post, emit)

    def post(self, order: Order) -> None:
        match order:
            case Generate(request=request):
                self._loop.post(Accepted(request, time.monotonic()))
                self._preparation.submit(request)
            case Cancel(id=request_id):
                self._loop.post(Cancelled(request_id))
            case Ask(call=Prefill(id=id, request=request, priority=priority)):
                request = replace(request, id=id, priority=priority)
                self._loop.post(Accepted(request, time.monotonic(), prefill=True))
                self._preparation.submit(Prefill(id=id, request=request, priority=priority))
            case Ask(call=call):
                self._preparation.submit(call)

    def drain(self) -> None:
        self._loop.post(Drain())

    def run(self) -> None:
        for number, prompt in enumerate(self._warm_prompts):
            self.post(Ask(call=_reading_of(prompt, f"warm-{number}")))
        self._preparation.start()
        self._loop.run()
        self._preparation.close()


def _reading_of(prompt: WarmPrompt, id: str) -> Prefill:
    """Reads a system prompt up to where a person's words begin; nobody waits for it."""
    messages = (
        ChatMessage(role="system", content=prompt.text),
        ChatMessage(role="user", content=""),
    )
    return Prefill(id=id, request=GenerateRequest(id=id, messages=messages), priority="background")
