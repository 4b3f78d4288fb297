"""The engine thread of an embedding model: take in calls, fill a step across them, answer.

It alone touches the calls' state and the model. Other threads post messages; an idle loop blocks
on its inbox and costs nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from hob.engine.abort import Abort
from hob.engine.embedding.plan import BatchLimits, Pending, plan
from hob.engine.embedding.runtime import EmbeddingRuntime
from hob.engine.embedding.vectors import score, vector
from hob.engine.inbox import Cancelled, Drain, Refused
from hob.engine.runtime import DecodeAborted
from hob.errors import Cancelled as CancelledError
from hob.errors import HobError, WorkerError
from hob.wire.base import ErrorInfo
from hob.wire.calls import Call, CallResult, Embed, Embedded, Ranked, Rerank
from hob.wire.engine import Failed, FromWorker, Heartbeat, Returned

HEARTBEAT_S = 1.0


@dataclass(frozen=True, slots=True)
class Asked:
    """A call has arrived, and is being prepared."""

    call: Call


@dataclass(frozen=True, slots=True)
class Ready:
    """The tokens of the call's inputs, at least one input."""

    id: str
    inputs: list[list[int]]


@dataclass(frozen=True, slots=True)
class Settled:
    """The call has its result, for which the model need not run."""

    id: str
    result: CallResult


Message = Asked | Ready | Settled | Refused | Cancelled | Drain


@dataclass(slots=True)
class _Work:
    """A call under way: the results of its first inputs are there."""

    call: Call
    arrival: int
    inputs: list[list[int]] = field(default_factory=list)
    vectors: list[bytes] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    skipped: int = 0

    @property
    def done(self) -> int:
        return len(self.vectors) + len(self.scores)

    def pending(self, most: int) -> Pending:
        lengths = [len(tokens) for tokens in self.inputs[self.done : self.done + most]]
        call = self.call
        return Pending(call.id, call.priority, self.arrival, lengths, self.skipped)

    def add(self, raw: bytes) -> None:
        """The model's numbers for the next input. Raises WorkerError when they are none."""
        if isinstance(self.call, Embed):
            self.vectors.append(vector(raw, self.call.dimensions, self.call.normalize))
        else:
            self.scores.append(score(raw))

    def result(self) -> Embedded | Ranked:
        tokens = tuple(len(tokens) for tokens in self.inputs)
        if isinstance(self.call, Rerank):
            return Ranked(scores=tuple(self.scores), tokens=tokens)
        return Embedded(vectors=tuple(self.vectors), tokens=tokens)


class EmbeddingLoop:
    """Answers many calls at once with one model. `emit` must not block."""

    def __init__(
        self,
        runtime: EmbeddingRuntime,
        limits: BatchLimits,
        emit: Callable[[FromWorker], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._runtime = runtime
        self._limits = limits
        self._emit = emit
        self._clock = clock
        self._inbox: SimpleQueue[Message] = SimpleQueue()
        self._preparing: dict[str, _Work] = {}
        self._live: dict[str, _Work] = {}
        self._arrivals = 0
        self._steps = 0
        self._beat_at = clock()
        self._draining = False
        self._abort = Abort(runtime)

    def post(self, message: Message) -> None:
        """Tell the loop; from any thread. A cancellation may end the running step early."""
        if isinstance(message, Cancelled):
            # Before the message: the loop forgets the id when it has handled it.
            self._abort.doom(message.id)
        self._inbox.put(message)

    def run(self) -> None:
        """Work until drained."""
        while not (self._draining and not self._preparing and not self._live):
            self.take_messages(block=not self._live)
            self.step()

    # Messages

    def take_messages(self, *, block: bool) -> None:
        """Handle everything posted so far; with `block`, wait for the first."""
        try:
            while True:
                self._handle(self._inbox.get(block=block))
                block = False
        except Empty:
            return

    def _handle(self, message: Message) -> None:
        match message:
            case Asked(call):
                self._arrivals += 1
                self._preparing[call.id] = _Work(call, self._arrivals)
            case Ready(id, inputs):
                if work := self._preparing.pop(id, None):
                    work.inputs = inputs
                    self._live[id] = work
            case Settled(id, result):
                if self._preparing.pop(id, None):
                    self._return(id, result)
            case Refused(id, error):
                if self._preparing.pop(id, None):
                    self._fail(id, error)
            case Cancelled(id):
                self._cancel(id)
            case Drain():
                self._draining = True

    def _cancel(self, call_id: str) -> None:
        """Take the call out of whichever state it is in; one that is already done is no news."""
        if self._preparing.pop(call_id, None) or self._live.pop(call_id, None):
            self._emit(
                Failed(id=call_id, error=ErrorInfo.of(CancelledError("The call was taken back.")))
            )
        self._abort.forget(call_id)

    # Steps

    def step(self) -> None:
        """Compute one batch, if there is anything to compute."""
        if not self._live:
            return
        grants = plan([w.pending(self._limits.inputs) for w in self._live.values()], self._limits)
        batch = [(self._live[grant.id], grant.inputs) for grant in grants]
        self._note_turns({grant.id for grant in grants})
        try:
            numbers = self._compute(batch)
        except DecodeAborted:
            # The calls are cancelled and leave with the next messages.
            pass
        except WorkerError as error:
            for work, _count in batch:
                self._drop(work, error)
        else:
            self._advance(batch, numbers)
        self._steps += 1
        self._beat()

    def _note_turns(self, served: set[str]) -> None:
        for id, work in self._live.items():
            work.skipped = 0 if id in served else work.skipped + 1

    def _compute(self, batch: Sequence[tuple[_Work, int]]) -> Sequence[bytes]:
        inputs = [
            tokens for work, count in batch for tokens in work.inputs[work.done : work.done + count]
        ]
        with self._abort.watching({work.call.id for work, _count in batch}):
            return self._runtime.embed(inputs, self._beat)

    def _advance(self, batch: Sequence[tuple[_Work, int]], numbers: Sequence[bytes]) -> None:
        at = 0
        for work, count in batch:
            own = numbers[at : at + count]
            at += count
            try:
                for raw in own:
                    work.add(raw)
            except WorkerError as error:
                self._drop(work, error)
                continue
            if work.done == len(work.inputs):
                del self._live[work.call.id]
                self._return(work.call.id, work.result())

    # Endings

    def _return(self, call_id: str, result: CallResult) -> None:
        self._emit(Returned(id=call_id, result=result))
        self._abort.forget(call_id)

    def _drop(self, work: _Work, error: HobError) -> None:
        del self._live[work.call.id]
        self._fail(work.call.id, error)

    def _fail(self, call_id: str, error: HobError) -> None:
        self._emit(Failed(id=call_id, error=ErrorInfo.of(error)))
        self._abort.forget(call_id)

    def _beat(self) -> None:
        now = self._clock()
        if now - self._beat_at >= HEARTBEAT_S and self._live:
            self._beat_at = now
            self._emit(
                Heartbeat(steps=self._steps, live=len(self._live), queued=len(self._preparing))
            )
