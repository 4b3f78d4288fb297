"""The queue before the slots: who is let in, and who gives way."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from hob.engine.cache.prefixes import PrefixCache
from hob.engine.costs import CostCurve
from hob.engine.media import whole_runs
from hob.engine.runtime import Runtime
from hob.engine.scheduler import Live, Waiting, admit, give_way, queue
from hob.engine.sequence import Sequence
from hob.wire.engine import FromWorker
from hob.wire.generate import Queued, Started

# Cells for the beginning of an answer, so that whoever is let in is not moved out at once; whoever
# was moved out must find more.
_HEADROOM = 16
_HEADROOM_AGAIN = 128


class Admission:
    """Moves requests between the queue and the slots. `live` is the loop's."""

    def __init__(
        self,
        runtime: Runtime,
        cache: PrefixCache,
        costs: CostCurve,
        emit: Callable[[FromWorker], None],
        clock: Callable[[], float],
    ) -> None:
        self._runtime = runtime
        self._cache = cache
        self._costs = costs
        self._emit = emit
        self._clock = clock
        # The first is what the runtime computes with at first: nothing is adapted.
        self._groups: dict[Hashable, int] = {(): 0}
        self.waiting: dict[str, Sequence] = {}

    def enter(self, seq: Sequence) -> None:
        """The request is prepared, or was moved out, and waits."""
        seq.known = 0 if seq.scores_prompt else self._cache.known(seq.key, seq.tokens[:-1])
        self.waiting[seq.id] = seq

    def let_in(self, live: dict[str, Sequence]) -> None:
        """Give slots to those whose turn it is."""
        while self.waiting:
            waiting = [self._waiting_view(seq) for seq in self.waiting.values()]
            free = self._runtime.places - len(live)
            promised = sum(seq.pending for seq in live.values())
            admitted = admit(waiting, free, self._cache.free_cells - promised)
            for request_id in admitted[:1]:
                self._begin(self.waiting.pop(request_id), live)
            if not admitted and not self._make_way(queue(waiting)[0], live):
                break
        self._tell_places()

    def _waiting_view(self, seq: Sequence) -> Waiting:
        left = seq.max_new - seq.new_tokens
        headroom = min(left, _HEADROOM if seq.admitted_at is None else _HEADROOM_AGAIN)
        return Waiting(
            id=seq.id,
            priority=seq.request.priority,
            arrived=seq.arrived,
            read_s=self._costs.reading(len(seq.tokens) - seq.known),
            cells=self._cache.new_cells(seq.key, seq.tokens) + headroom,
        )

    def _make_way(self, newcomer: Waiting, live: dict[str, Sequence]) -> bool:
        """Move out somebody of a lower priority than the one who is next."""
        views = [live_view(seq, self._costs) for seq in live.values()]
        victim = give_way(views, newcomer)
        if victim is None:
            return False
        self.move_out(live.pop(victim))
        return True

    def move_out(self, seq: Sequence) -> None:
        """The request gives up its slot and its cells, and waits to come back."""
        assert seq.slot is not None
        self._cache.park(seq.slot)
        seq.slot, seq.computed, seq.guesses = None, 0, []
        if not seq.new_tokens:
            # The prompt is read again, and its tokens are told again.
            seq.scores = seq.scores[:1]
        self.enter(seq)

    def _begin(self, seq: Sequence, live: dict[str, Sequence]) -> None:
        # The last token is always computed, so that there are logits; reading ahead needs none.
        usable = len(seq.tokens) if seq.prefill else len(seq.tokens) - 1
        most = 0 if seq.scores_prompt else usable
        beginning = self._cache.begin(seq.id, seq.key, seq.tokens[:most])
        assert beginning is not None, "a place has a slot"
        seq.slot = beginning.slot
        seq.computed = not_within_media(self._cache, seq, beginning.computed)
        seq.group = self._groups.setdefault(seq.key, len(self._groups))
        live[seq.id] = seq
        if seq.admitted_at is not None:
            return
        seq.admitted_at = self._clock()
        seq.cached_tokens = seq.computed
        self._emit(
            Started(id=seq.id, prompt_tokens=seq.prompt_tokens, cached_tokens=seq.cached_tokens)
        )

    def _tell_places(self) -> None:
        if not self.waiting:
            return
        order = queue(self._waiting_view(seq) for seq in self.waiting.values())
        for place, view in enumerate(order, start=1):
            seq = self.waiting[view.id]
            if seq.told_place != place and seq.admitted_at is None:
                seq.told_place = place
                self._emit(Queued(id=seq.id, place=place))


def live_view(seq: Sequence, costs: CostCurve) -> Live:
    return Live(
        id=seq.id,
        priority=seq.request.priority,
        arrived=seq.arrived,
        read_s=costs.reading(seq.pending),
        pending=seq.to_next_stop,
        decoding=seq.decoding,
        group=seq.group,
        stepped=seq.stepped,
        alone=seq.media is not None,
    )


def not_within_media(cache: PrefixCache, seq: Sequence, computed: int) -> int:
    """How much of a sequence is computed, when its slot has `computed` of its tokens: an image is
    computed as a whole."""
    assert seq.slot is not None
    length = whole_runs(computed, seq.job.prompt.media)
    return computed if length == computed else cache.cut(seq.slot, length)
