"""Decides for each step which sequences guess ahead, and how far."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from hob.engine.costs import CostCurve
from hob.engine.guessing.policy import Batch, Trust, best_count
from hob.engine.guessing.source import Source
from hob.engine.sequence import Sequence


@dataclass(slots=True)
class _Record:
    """`drafted` and `accepted` are the sequence's counts that `trust` has learned from."""

    trust: Trust
    drafted: int
    accepted: int

    def update(self, seq: Sequence) -> None:
        self.trust.learn(seq.drafted - self.drafted, seq.accepted - self.accepted)
        self.drafted, self.accepted = seq.drafted, seq.accepted


class Speculation:
    """The loop's Guesser: guesses of one source; `always` makes as many as there may be, whatever
    they cost."""

    def __init__(self, source: Source, *, always: bool) -> None:
        self._source = source
        self._always = always
        self._records: dict[Sequence, _Record] = {}

    def guess(self, live: Collection[Sequence], costs: CostCurve, most: int) -> None:
        """See hob.engine.guessing.source.Guesser.

        While a prompt is being read, nobody guesses unless it is always done: the step is as long
        as it may be.
        """
        self._forget_others(live)
        for seq in live:
            seq.guesses = []
        ready = [seq for seq in live if seq.decoding]
        reading = len(ready) < len(live)
        if reading and not self._always:
            return
        wishes: list[tuple[Sequence, int]] = []
        room = most - sum(seq.pending for seq in ready)
        batch = Batch(sum(seq.pending for seq in ready), len(ready))
        for seq in ready:
            count = self._count(seq, batch, costs, room)
            if not count:
                continue
            wishes.append((seq, count))
            room -= count
            batch = _without(batch).grown(count, self._records[seq].trust.acceptance)
        if wishes:
            for (seq, _), guesses in zip(wishes, self._source.guess(wishes), strict=True):
                seq.guesses = guesses

    def _count(self, seq: Sequence, batch: Batch, costs: CostCurve, room: int) -> int:
        """`batch` has the last token of `seq` in it already."""
        record = self._records.get(seq)
        if record is None:
            trust = Trust(self._source.prior)
            record = self._records[seq] = _Record(trust, seq.drafted, seq.accepted)
        record.update(seq)
        limit = min(self._source.most, room, seq.max_new - seq.new_tokens - 1)
        # What is forced comes in one piece, and is computed before anything is drawn.
        if limit <= 0 or seq.pending > 1:
            return 0
        if self._always:
            return self._source.available(seq, limit)

        def count_at(acceptance: float) -> int:
            others = _without(batch)
            return best_count(limit, acceptance, others, costs.seconds, self._source.seconds)

        count = record.trust.count(limit, count_at)
        return min(count, self._source.available(seq, count)) if count else 0

    def _forget_others(self, live: Collection[Sequence]) -> None:
        for seq in [seq for seq in self._records if seq not in live]:
            del self._records[seq]
            self._source.forget(seq)


def _without(batch: Batch) -> Batch:
    """Without one answer that does not guess."""
    return Batch(batch.tokens - 1, batch.answers - 1)
