"""The preparation thread: tokenizing, so that a long text does not hold up the others' steps."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue

from hob.engine.embedding.inputs import InputBuilder
from hob.engine.embedding.loop import Ready, Settled
from hob.engine.inbox import Refused
from hob.errors import HobError, UnsupportedParameter
from hob.wire.calls import Call, Detokenize, Embed, PlainText, Rerank, Tokenize
from hob.wire.engine import ModelKind

_log = logging.getLogger(__name__)
_HINTS: dict[ModelKind, str] = {
    "embedding": "Ask for embeddings, or name a model that does what you ask for; `hob models` "
    "lists them.",
    "reranking": "Ask for a reranking, or name a model that does what you ask for; `hob models` "
    "lists them.",
}


class EmbeddingPreparation:
    """Prepares calls to a model of `kind` one after another and posts the results."""

    def __init__(
        self,
        kind: ModelKind,
        inputs: InputBuilder,
        post: Callable[[Ready | Settled | Refused], None],
    ) -> None:
        self._kind = kind
        self._inputs = inputs
        self._post = post
        self._queue: SimpleQueue[Call | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="preparation", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def submit(self, call: Call) -> None:
        self._queue.put(call)

    def close(self) -> None:
        """End after what was submitted; waits for it."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (call := self._queue.get()) is not None:
            self._post(self.prepare(call))

    def prepare(self, call: Call) -> Ready | Settled | Refused:
        try:
            return self._prepared(call)
        except HobError as error:
            return Refused(call.id, error)
        except Exception:
            # A fault of ours in one call must not leave the others without this thread.
            _log.exception("preparing a call failed")
            fault = HobError(
                "Hob could not prepare this request.",
                hint="This is a fault in Hob; `hob logs` has the details.",
            )
            return Refused(call.id, fault)

    def _prepared(self, call: Call) -> Ready | Settled:
        match call:
            case Embed() if self._kind == "embedding":
                return Ready(call.id, self._inputs.embed(call))
            case Rerank() if self._kind == "reranking":
                return Ready(call.id, self._inputs.rerank(call))
            case Tokenize():
                return Settled(call.id, self._inputs.tokenize(call))
            case Detokenize():
                return Settled(call.id, PlainText(text=self._inputs.detokenize(call)))
        raise unsuited(self._kind, _asked_for(call))


def unsuited(kind: ModelKind, asked: str) -> UnsupportedParameter:
    """The error for a model of `kind` that is asked for something else."""
    makes = "vectors of texts" if kind == "embedding" else "scores of documents"
    return UnsupportedParameter(
        f"This model makes {makes}, and cannot {asked}.", hint=_HINTS[kind], param="model"
    )


def _asked_for(call: Call) -> str:
    match call:
        case Embed():
            return "make embeddings"
        case Rerank():
            return "rerank documents"
        case _:
            return "write text"
