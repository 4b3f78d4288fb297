"""What answers in a worker once its model is loaded: one kind of service for each kind of model."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from hob.engine.assembly import Assembler
from hob.engine.inbox import Accepted, Cancelled, Drain
from hob.engine.loop import EngineLoop
from hob.engine.preparation import Preparation
from hob.errors import UnsupportedParameter
from hob.wire.base import ErrorInfo
from hob.wire.calls import Embed, Rerank
from hob.wire.engine import Ask, Cancel, Failed, FromWorker, Generate

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
    ) -> None:
        self._loop = loop
        self._emit = emit
        self._preparation = Preparation(make_assembler, loop.post)

    def post(self, order: Order) -> None:
        match order:
            case Generate(request=request):
                self._loop.post(Accepted(request, time.monotonic()))
                self._preparation.submit(request)
            case Cancel(id=request_id):
                self._loop.post(Cancelled(request_id))
            case Ask(call=call):
                what = _CALLS.get(type(call), "do this")
                error = UnsupportedParameter(
                    f"This model writes text, and cannot {what}.",
                    hint="Name a model that can; `hob models` lists them.",
                    param="model",
                )
                self._emit(Failed(id=call.id, error=ErrorInfo.of(error)))

    def drain(self) -> None:
        self._loop.post(Drain())

    def run(self) -> None:
        self._preparation.start()
        self._loop.run()
        self._preparation.close()


_CALLS: dict[type, str] = {Embed: "make embeddings", Rerank: "rerank documents"}
