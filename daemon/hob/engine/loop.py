"""The engine thread: take in messages, plan a step, compute it, sample, tell.

It alone touches sequences, slots and the model. Other threads post messages; an idle loop blocks
on its inbox and costs nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Sequence as Items
from queue import Empty, SimpleQueue

from hob.engine.abort import Abort
from hob.engine.inbox import Accepted, Cancelled, Drain, Message, Prepared, Refused
from hob.engine.runtime import Chunk, DecodeAborted, Runtime
from hob.engine.scheduler import Limits, admit, plan
from hob.engine.sequence import Sequence
from hob.engine.slots import SlotTable
from hob.errors import HobError, WorkerError
from hob.wire.base import ErrorInfo
from hob.wire.engine import Failed, FromWorker, Heartbeat
from hob.wire.generate import FinishReason, Started

HEARTBEAT_S = 1.0


class EngineLoop:
    """Answers many requests at once with one model. `emit` must not block."""

    def __init__(
        self,
        runtime: Runtime,
        limits: Limits,
        emit: Callable[[FromWorker], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._runtime = runtime
        self._limits = limits
        self._emit = emit
        self._clock = clock
        self._inbox: SimpleQueue[Message] = SimpleQueue()
        self._table = SlotTable(runtime.slots, runtime.context_length, runtime.floor)
        self._preparing: dict[str, Sequence] = {}
        self._waiting: dict[str, Sequence] = {}
        self._live: dict[str, Sequence] = {}
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
        while not (self._draining and self._idle()):
            self.take_messages(block=not (self._waiting or self._live))
            self.step()

    def _idle(self) -> bool:
        return not (self._preparing or self._waiting or self._live)

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
            case Accepted(request, at, _prefill):
                self._arrivals += 1
                self._preparing[request.id] = Sequence(request, self._arrivals, at)
            case Prepared(id, job):
                if seq := self._preparing.pop(id, None):
                    seq.prepared(job)
                    self._waiting[id] = seq
            case Refused(id, error):
                if seq := self._preparing.pop(id, None):
                    self._fail(seq, error)
            case Cancelled(id):
                self._cancel(id)
            case Drain():
                self._draining = True

    def _cancel(self, request_id: str) -> None:
        """Take the request out of whichever state it is in; one that is already done is no news."""
        seq = self._preparing.pop(request_id, None) or self._waiting.pop(request_id, None)
        if seq:
            self._emit(seq.finished("cancelled", self._clock()))
        elif live := self._live.get(request_id):
            self._finish(live, "cancelled")
        self._abort.forget(request_id)

    # Steps

    def step(self) -> None:
        """Compute one batch, if there is anything to compute."""
        self._admit()
        if not self._live:
            return
        others = bool(self._waiting or self._preparing)
        step = plan([seq.live() for seq in self._live.values()], others, self._limits)
        batch = [(self._live[grant.id], grant.tokens) for grant in step.grants]
        try:
            indexes = self._compute(batch)
        except DecodeAborted:
            self._restore(batch)
        except WorkerError as error:
            self._drop(batch, error)
        else:
            self._advance(batch, indexes)
        self._steps += 1
        self._beat()

    def _admit(self) -> None:
        waiting = [seq.waiting() for seq in self._waiting.values()]
        for request_id in admit(waiting, self._table.free_slots, self._table.free_cells):
            self._begin(self._waiting.pop(request_id))

    def _begin(self, seq: Sequence) -> None:
        place = self._table.occupy(seq.id, seq.tokens, seq.prompt_tokens + seq.max_new)
        kept = True
        if place.source != place.slot:
            self._runtime.share(place.source, place.slot, place.keep)
        else:
            kept = self._runtime.keep(place.slot, place.keep)
        for slot in place.evict:
            self._runtime.keep(slot, 0)
        seq.slot = place.slot
        seq.computed = seq.cached_tokens = place.keep if kept else 0
        seq.sampler = self._runtime.sampler(seq.request, seq.tokens, seq.job.matcher)
        seq.admitted_at = self._clock()
        self._live[seq.id] = seq
        self._emit(
            Started(id=seq.id, prompt_tokens=seq.prompt_tokens, cached_tokens=seq.cached_tokens)
        )

    def _compute(self, batch: Items[tuple[Sequence, int]]) -> Items[int]:
        chunks = [
            Chunk(
                slot=seq.slot,
                start=seq.computed,
                tokens=seq.tokens[seq.computed : seq.computed + count],
                logits=seq.computed + count == len(seq.tokens),
            )
            for seq, count in batch
        ]
        with self._abort.watching({seq.id for seq, _count in batch}):
            return self._runtime.decode(chunks)

    def _advance(self, batch: Items[tuple[Sequence, int]], indexes: Items[int]) -> None:
        """Note what was computed, and draw a token for whoever has its logits."""
        for (seq, count), index in zip(batch, indexes, strict=True):
            seq.computed += count
            if seq.computed == len(seq.tokens):
                self._sample(seq, index)

    def _sample(self, seq: Sequence, index: int) -> None:
        assert seq.sampler is not None
        token = seq.sampler.sample(index).token
        end = self._runtime.is_end(token)
        piece = b"" if end else self._runtime.piece(token, seq.output.special)
        if delta := seq.add(token, piece, self._clock()):
            self._emit(delta)
        if end or seq.output.stopped:
            self._finish(seq, "stop")
        elif seq.new_tokens >= seq.max_new:
            self._finish(seq, "length")

    # Endings

    def _finish(self, seq: Sequence, reason: FinishReason) -> None:
        if reason != "cancelled" and (rest := seq.rest()):
            self._emit(rest)
            if seq.output.stopped:
                reason = "stop"
        self._release(seq, seq.computed)
        self._emit(seq.finished(reason, self._clock()))

    def _fail(self, seq: Sequence, error: HobError) -> None:
        self._emit(Failed(id=seq.id, error=ErrorInfo.of(error)))
        self._abort.forget(seq.id)

    def _release(self, seq: Sequence, held: int) -> None:
        """Give the slot back with the cells of the first `held` tokens in it."""
        del self._live[seq.id]
        self._table.release(seq.slot, seq.tokens[:held])
        if seq.sampler:
            seq.sampler.close()
            seq.sampler = None
        self._abort.forget(seq.id)

    def _restore(self, batch: Items[tuple[Sequence, int]]) -> None:
        """After an aborted step: cut away what it may have written. The requests are cancelled
        and leave with the next messages."""
        for seq, _count in batch:
            if not self._runtime.keep(seq.slot, seq.computed):
                seq.computed = 0

    def _drop(self, batch: Items[tuple[Sequence, int]], error: WorkerError) -> None:
        """After a failed step: its requests fail and their cells are cleared; others go on."""
        for seq, _count in batch:
            self._runtime.keep(seq.slot, 0)
            self._release(seq, 0)
            self._fail(seq, error)

    def _beat(self) -> None:
        now = self._clock()
        if now - self._beat_at >= HEARTBEAT_S and self._live:
            self._beat_at = now
            queued = len(self._waiting) + len(self._preparing)
            self._emit(Heartbeat(steps=self._steps, live=len(self._live), queued=queued))
