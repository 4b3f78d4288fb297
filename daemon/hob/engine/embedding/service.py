"""An embedding or reranking model, ready to answer."""

from __future__ import annotations

from collections.abc import Callable

from hob.engine.embedding.inputs import InputBuilder
from hob.engine.embedding.loop import Asked, EmbeddingLoop
from hob.engine.embedding.preparation import EmbeddingPreparation, unsuited
from hob.engine.inbox import Cancelled, Drain
from hob.wire.base import ErrorInfo
from hob.wire.engine import Ask, Cancel, Failed, FromWorker, Generate, ModelKind


class EmbeddingService:
    """The preparation's thread in front of the embedding loop; see hob.engine.service."""

    def __init__(
        self,
        kind: ModelKind,
        loop: EmbeddingLoop,
        inputs: InputBuilder,
        emit: Callable[[FromWorker], None],
    ) -> None:
        self._kind = kind
        self._loop = loop
        self._emit = emit
        self._preparation = EmbeddingPreparation(kind, inputs, loop.post)

    def post(self, order: Generate | Ask | Cancel) -> None:
        match order:
            case Generate(request=request):
                error = unsuited(self._kind, "write text")
                self._emit(Failed(id=request.id, error=ErrorInfo.of(error)))
            case Ask(call=call):
                self._loop.post(Asked(call))
                self._preparation.submit(call)
            case Cancel(id=call_id):
                self._loop.post(Cancelled(call_id))

    def drain(self) -> None:
        self._loop.post(Drain())

    def run(self) -> None:
        self._preparation.start()
        self._loop.run()
        self._preparation.close()
