"""The engine thread: take in messages, plan a step, compute it, sample, tell.

It alone touches sequences, the cache and the model. Other threads post messages; an idle loop does
what can wait, then blocks on its inbox and costs nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Sequence as Items
from contextlib import AbstractContextManager, nullcontext
from queue import Empty, SimpleQueue

from hob.engine.abort import Abort
from hob.engine.admission import Admission, live_view, not_within_media
from hob.engine.cache.disk import DiskStates
from hob.engine.cache.prefixes import WORTH_SAVING, PrefixCache
from hob.engine.chores import Chores
from hob.engine.costs import CostCurve
from hob.engine.drawing import Drawing
from hob.engine.guessing.source import Guesser
from hob.engine.inbox import Accepted, Cancelled, Drain, Fetched, Message, Prepared, Refused
from hob.engine.job import Job
from hob.engine.runtime import Chunk, DecodeAborted, OutOfCells, Runtime
from hob.engine.scheduler import Sizes, Step, Turns, give_way, plan, reading_share
from hob.engine.sequence import Sequence
from hob.errors import Cancelled as TakenBack
from hob.errors import HobError, WorkerError
from hob.wire.base import ErrorInfo
from hob.wire.calls import Prefilled
from hob.wire.engine import Failed, FromWorker, Heartbeat, Returned
from hob.wire.generate import Delta, FinishReason

HEARTBEAT_S = 1.0
# Alone, a prompt is read in steps of at most this, so that whoever comes need not wait for long.
_ALONE_S = 0.25

Batch = Items[tuple[Sequence, int]]


class EngineLoop:
    """Answers many requests at once with one model. `emit` must not block.

    `target_s` is how long a step may take while somebody waits or is being answered, `most` how
    many tokens it may have; `watchdog` is entered for each, and for what is done between them.
    """

    def __init__(
        self,
        runtime: Runtime,
        cache: PrefixCache,
        costs: CostCurve,
        emit: Callable[[FromWorker], None],
        *,
        target_s: float = 0.08,
        most: int = 512,
        disk: DiskStates | None = None,
        watchdog: AbstractContextManager[None] | None = None,
        guesser: Guesser | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._runtime = runtime
        self._cache = cache
        self._costs = costs
        self._emit = emit
        self._target_s = target_s
        self._most = most
        self._disk = disk
        self._watchdog = watchdog or nullcontext()
        # What cannot be cut cannot take back wrong guesses.
        self._guesser = guesser if runtime.divisible else None
        self._clock = clock
        self._inbox: SimpleQueue[Message] = SimpleQueue()
        self.abort = Abort(runtime)
        self.chores = Chores()
        self._drawing = Drawing(runtime, clock)
        self._admission = Admission(runtime, cache, costs, emit, clock)
        self._preparing: dict[str, Sequence] = {}
        self._live: dict[str, Sequence] = {}
        self._turns = Turns(target_s)
        self._group = 0
        self._steps = 0
        self._beat_at = clock()
        self._draining = False

    def post(self, message: Message) -> None:
        """Tell the loop; from any thread. A cancellation may end the running step early."""
        if isinstance(message, Cancelled):
            # Before the message: the loop forgets the id when it has handled it.
            self.abort.doom(message.id)
        self._inbox.put(message)
        self.abort.arrived()

    def run(self) -> None:
        """Work until drained."""
        while not (self._draining and self._idle()):
            self.take_messages(block=not (self._waiting or self._live))
            self.step()
        self.chores.finish()

    @property
    def _waiting(self) -> dict[str, Sequence]:
        return self._admission.waiting

    def _idle(self) -> bool:
        return not (self._preparing or self._waiting or self._live)

    # Messages

    def take_messages(self, *, block: bool) -> None:
        """Handle everything posted so far; with `block`, wait for the first."""
        if block and self._idle():
            block = self._rest()
        try:
            while True:
                self._handle(self._inbox.get(block=block))
                block = False
        except Empty:
            return

    def _rest(self) -> bool:
        """Nobody wants anything: do what can wait, until somebody does. False when a message has
        been handled, after which there may be something else to do than to wait for the next."""
        for pause_s, chore in self.chores.pending():
            try:
                self._handle(self._inbox.get(timeout=pause_s))
            except Empty:
                pass
            else:
                return False
            more = True
            while more and self._inbox.empty():
                with self._watchdog:
                    more = chore()
        return True

    def _handle(self, message: Message) -> None:
        match message:
            case Accepted(request, at, prefill):
                self._preparing[request.id] = Sequence(request, at, prefill)
            case Prepared(id, job):
                if seq := self._preparing.get(id):
                    self._prepared(seq, job)
            case Fetched(id, entry):
                if entry:
                    self._cache.adopt(entry)
                if seq := self._preparing.pop(id, None):
                    self._admission.enter(seq)
            case Refused(id, error):
                if seq := self._preparing.pop(id, None):
                    self._fail(seq, error)
            case Cancelled(id):
                self._cancel(id)
            case Drain():
                self._draining = True

    def _prepared(self, seq: Sequence, job: Job) -> None:
        """Into the queue, by way of the disk when it knows more of the prompt."""
        seq.prepared(job)
        try:
            self._runtime.load_adapters(seq.request.adapters)
        except HobError as error:
            del self._preparing[seq.id]
            self._fail(seq, error)
            return
        if not self._cache.divisible:
            seq.stops = _checkpoints(seq)
        tokens = seq.tokens[:-1]
        known = self._cache.known(seq.key, tokens)
        stored = None if seq.scores_prompt or not self._disk else self._disk.find(seq.key, tokens)
        if self._disk and stored and stored.length >= known + WORTH_SAVING:
            self._disk.fetch(stored, lambda entry: self.post(Fetched(seq.id, entry)))
        else:
            del self._preparing[seq.id]
            self._admission.enter(seq)

    def _cancel(self, request_id: str) -> None:
        """Take the request out of whichever state it is in; one that is already done is no news."""
        if seq := self._preparing.pop(request_id, None) or self._waiting.pop(request_id, None):
            seq.close()
            self._end(seq, "cancelled")
        elif live := self._live.get(request_id):
            self._finish(live, "cancelled")
        self.abort.forget(request_id)

    # Steps

    def step(self) -> None:
        """Compute one batch, if there is anything to compute."""
        self._admission.let_in(self._live)
        self._catch_up()
        if self._guesser:
            self._guesser.guess(self._live.values(), self._costs, self._most)
        step, share = self._plan()
        while not self._cache.make_room(step.tokens):
            if not self._forgo_guesses():
                self._move_one_out()
            step, share = self._plan()
        if not step.grants:
            return
        batch = [(self._live[grant.id], grant.tokens) for grant in step.grants]
        began = self._clock()
        try:
            indexes = self._compute(batch)
        except DecodeAborted:
            self._undo(batch)
        except OutOfCells:
            guessed = self._forgo_guesses()
            self._undo(batch)
            if not guessed:
                self._move_one_out()
        except HobError as error:
            self._drop(batch, error)
        else:
            seconds = self._clock() - began
            if not batch[0][0].media:
                self._costs.learn(step.tokens, seconds)
            if share < 1:
                self._turns.spent(seconds, reads=step.reads, share=share)
            self._advance(batch, indexes)
        self._steps += 1
        self._beat()

    def _catch_up(self) -> None:
        """Prompts with a common beginning are read once; what is read to its end leaves."""
        readers = [seq for seq in self._live.values() if not seq.decoding and not seq.scores_prompt]
        for seq in readers:
            assert seq.slot is not None
            most = len(seq.tokens) - (0 if seq.prefill else 1)
            if len(self._live) > 1 and self._cache.divisible:
                found = self._cache.catch_up(seq.slot, seq.tokens[:most])
                seq.computed = not_within_media(self._cache, seq, found)
            if seq.prefill and seq.pending == 0:
                self._finish(seq, "stop")

    def _plan(self) -> tuple[Step, float]:
        views = [live_view(seq, self._costs) for seq in self._live.values()]
        share = reading_share(views)
        if share == 1:
            self._turns.reset()
        # Writing takes a token of each; only reading asks how much is well read at once.
        sizes = Sizes(most=self._most, full=1, useful=1)
        if any(not view.decoding for view in views):
            full, useful = self._costs.full(_ALONE_S), self._costs.useful(self._target_s)
            sizes = Sizes(most=self._most, full=full, useful=useful)
        others = bool(self._waiting or self._preparing)

        def may_read() -> bool:
            return self._turns.may_read(share, self._costs.seconds(sizes.useful))

        return plan(views, others, sizes, may_read), share

    def _forgo_guesses(self) -> bool:
        """Guesses take room from nobody. Were there any?"""
        guessing = [seq for seq in self._live.values() if seq.guesses]
        for seq in guessing:
            seq.guesses = []
        return bool(guessing)

    def _move_one_out(self) -> None:
        views = [live_view(seq, self._costs) for seq in self._live.values()]
        victim = give_way(views, None)
        if victim is not None and len(self._live) > 1:
            self._admission.move_out(self._live.pop(victim))
        elif victim is not None:
            # Alone it has the whole context, so this is the context's fault and not its own.
            self._drop([(self._live[victim], 0)], WorkerError("The KV cache has no room left."))

    def _compute(self, batch: Batch) -> Items[int]:
        group = batch[0][0].group
        if group != self._group:
            self._runtime.adapt(batch[0][0].request.adapters)
            self._group = group
        first = batch[0][0]
        with self._watchdog, self.abort.watching({seq.id for seq, _count in batch}):
            if (medium := first.media) and first.slot is not None:
                # The scheduler gives it a step of its own.
                return [self._runtime.decode_media(first.slot, medium.start, medium.encoded)]
            return self._runtime.decode([_chunk(seq, count) for seq, count in batch])

    def _advance(self, batch: Batch, indexes: Items[int]) -> None:
        """Note what was computed, and draw a token for whoever has its logits."""
        for (seq, count), index in zip(batch, indexes, strict=True):
            assert seq.slot is not None
            seq.stepped = self._steps
            first = seq.computed
            certain = min(count, len(seq.tokens) - first)
            del seq.guesses[count - certain :]
            self._cache.grow(seq.slot, seq.tokens[first : first + certain])
            seq.computed += certain
            if seq.computed in seq.stops and seq.computed < len(seq.tokens):
                self._cache.checkpoint(seq.slot)
            try:
                self._use(seq, index, first, wrong_cells=count > certain)
            except HobError as error:
                # Its constraint or its sampler cannot go on; nobody else's is concerned.
                self._drop([(seq, count)], error)

    def _use(self, seq: Sequence, index: int, first: int, *, wrong_cells: bool) -> None:
        """Score and draw by the logits at `index` onward of what was computed from `first` on."""
        if seq.scores_prompt and not seq.new_tokens:
            self._drawing.score(seq, index, first, seq.computed - first)
            index += seq.computed - first - 1
        if seq.computed == len(seq.tokens) and not seq.prefill:
            self._answer(seq, index, wrong_cells=wrong_cells)

    def _answer(self, seq: Sequence, index: int, *, wrong_cells: bool) -> None:
        assert seq.slot is not None
        if seq.request.echo and not seq.new_tokens:
            self._echo(seq)
        before = seq.computed
        reason = self._drawing.draw(seq, index)
        if seq.computed > before:
            self._cache.grow(seq.slot, seq.tokens[before : seq.computed])
        if wrong_cells:
            self._cache.undo(seq.slot)
        if delta := seq.take_delta(self._clock()):
            self._emit(delta)
        if reason:
            self._finish(seq, reason)

    def _echo(self, seq: Sequence) -> None:
        prompt = seq.tokens[: seq.prompt_tokens]
        text = b"".join(self._runtime.piece(token, True) for token in prompt)
        self._emit(
            Delta(
                id=seq.id,
                text=text.decode("utf-8", "replace"),
                tokens=0,
                logprobs=tuple(seq.scores),
            )
        )

    # Endings

    def _finish(self, seq: Sequence, reason: FinishReason) -> None:
        if reason != "cancelled" and not seq.prefill and (rest := seq.rest()):
            self._emit(rest)
        if seq.output.stopped and reason == "length":
            reason = "stop"
        if seq.output.called and reason == "stop":
            reason = "tool_calls"
        self._release(seq)
        self._end(seq, reason)

    def _end(self, seq: Sequence, reason: FinishReason) -> None:
        """Tell whoever asked, a call in its own words."""
        if not seq.prefill:
            self._emit(seq.finished(reason, self._clock()))
        elif reason == "cancelled":
            self._fail(seq, TakenBack("Reading ahead was taken back."))
        else:
            result = Prefilled(prompt_tokens=seq.prompt_tokens, cached_tokens=seq.cached_tokens)
            self._emit(Returned(id=seq.id, result=result))

    def _fail(self, seq: Sequence, error: HobError) -> None:
        self._emit(Failed(id=seq.id, error=ErrorInfo.of(error)))
        self.abort.forget(seq.id)

    def _release(self, seq: Sequence, *, trusted: bool = True) -> None:
        """Give the slot back with what it holds, or empty when that is not to be trusted."""
        assert seq.slot is not None
        del self._live[seq.id]
        if trusted:
            self._cache.release(seq.slot)
        else:
            self._cache.drop(seq.slot)
        seq.slot = None
        seq.close()
        self.abort.forget(seq.id)

    def _undo(self, batch: Batch) -> None:
        """After a step that was ended early: cut away what it may have written."""
        for seq, _count in batch:
            assert seq.slot is not None
            seq.guesses = []
            seq.computed = self._cache.undo(seq.slot)

    def _drop(self, batch: Batch, error: HobError) -> None:
        """After a failed step: its requests fail and their cells are cleared; others go on."""
        for seq, _count in batch:
            self._release(seq, trusted=False)
            self._fail(seq, error)

    def _beat(self) -> None:
        now = self._clock()
        if now - self._beat_at >= HEARTBEAT_S and self._live:
            self._beat_at = now
            queued = len(self._waiting) + len(self._preparing)
            self._emit(Heartbeat(steps=self._steps, live=len(self._live), queued=queued))


def _checkpoints(seq: Sequence) -> tuple[int, ...]:
    """Where other prompts may go on from: after what they are likely to have in common, and before
    the last token, which the same prompt computes again."""
    boundary, last = seq.job.prompt.boundary, len(seq.tokens) - 1
    return tuple(length for length in {boundary, last} if length >= WORTH_SAVING)


def _chunk(seq: Sequence, count: int) -> Chunk:
    """The next `count` tokens of a sequence; logits where something is drawn or scored."""
    assert seq.slot is not None
    certain = seq.tokens[seq.computed : seq.computed + count]
    guesses = seq.guesses[: count - len(certain)]
    outputs = 0
    if seq.computed + len(certain) == len(seq.tokens) and not seq.prefill:
        outputs = 1 + len(guesses)
    if seq.scores_prompt and not seq.new_tokens:
        outputs = len(certain)
    return Chunk(seq.slot, seq.computed, [*certain, *guesses], outputs)
