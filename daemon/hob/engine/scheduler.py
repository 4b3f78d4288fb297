"""Who gets a place, and who gets how many tokens of the next step. Pure: values in, values out.

There is no prefill phase and no decode phase. Every live sequence has tokens that are not computed
yet: one when it is decoding, many when its prompt is being read. A step shares one token budget
among them, and its size follows from what steps cost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from hob.wire.generate import Priority

RANKS: dict[Priority, int] = {"interactive": 0, "normal": 1, "background": 2}
# Seconds by which a priority goes behind: whoever has waited so much longer goes first all the
# same, so nothing starves.
_BEHIND: dict[Priority, float] = {"interactive": 0.0, "normal": 30.0, "background": 120.0}
# Among equals the shorter read goes first: each second of reading counts as so many of waiting,
# and no more than these in all.
_SHORT_FIRST = 4.0
_MOST_FOR_LENGTH = 20.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request without a slot. `read_s` is how long its prompt takes to read, `cells` what it
    needs of the KV cache to begin; `arrived` by the loop's clock."""

    id: str
    priority: Priority
    arrived: float
    read_s: float
    cells: int


@dataclass(frozen=True, slots=True)
class Live:
    """A request in a slot; `pending` of its tokens are not computed yet, at least one.

    `decoding` is true from its first sampled token on. What is of one `group` can be computed
    together; `stepped` is the number of the last step it had a part in. `alone`: what comes next
    of it fills a step by itself.
    """

    id: str
    priority: Priority
    arrived: float
    read_s: float
    pending: int
    decoding: bool
    group: int = 0
    stepped: int = 0
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Sizes:
    """Tokens of one step. `most` bounds all; `full` is read when nobody else is there, `useful`
    while others wait or are being answered."""

    most: int
    full: int
    useful: int


@dataclass(frozen=True, slots=True)
class Grant:
    """`tokens` of the pending ones are computed in this step."""

    id: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Step:
    """`reads`: some of the tokens are of prompts."""

    grants: tuple[Grant, ...]
    reads: bool

    @property
    def tokens(self) -> int:
        return sum(grant.tokens for grant in self.grants)


def due(request: Waiting | Live) -> float:
    """Smaller goes first. It grows with the arrival and is bounded in all else, so that a request
    is overtaken only by those that arrive within a bounded time after it."""
    length = min(_SHORT_FIRST * request.read_s, _MOST_FOR_LENGTH)
    return request.arrived + _BEHIND[request.priority] + length


def queue(waiting: Iterable[Waiting]) -> list[Waiting]:
    """In the order in which they get a place."""
    return sorted(waiting, key=lambda request: (due(request), request.arrived, request.id))


def admit(waiting: Iterable[Waiting], free_slots: int, free_cells: int) -> tuple[str, ...]:
    """The requests that get a slot now.

    The queue stops at the first that does not fit, so that a large request is not overtaken for
    ever by small ones.
    """
    admitted: list[str] = []
    for request in queue(waiting):
        if len(admitted) == free_slots or request.cells > free_cells:
            break
        admitted.append(request.id)
        free_cells -= request.cells
    return tuple(admitted)


def give_way(live: Iterable[Live], newcomer: Waiting | None) -> str | None:
    """The live request that is moved out to RAM to make room: of the lowest priority, the one
    that came last. For a newcomer only one of a lower priority gives way."""
    ordered = sorted(live, key=lambda seq: (RANKS[seq.priority], seq.arrived))
    if not ordered:
        return None
    last = ordered[-1]
    if newcomer is not None and RANKS[last.priority] <= RANKS[newcomer.priority]:
        return None
    return last.id


def plan(live: Sequence[Live], waiting: bool, sizes: Sizes, may_read: Callable[[], bool]) -> Step:
    """Share one step: a token for each decoding sequence, then prompts, the most urgent first.

    `may_read` says whether it is the prompts' turn while others are being answered.
    """
    if not live:
        return Step((), reads=False)
    ordered = sorted(live, key=due)
    group = _group(ordered)
    decoding = [seq for seq in ordered if seq.decoding and seq.group == group and not seq.alone]
    reading = [seq for seq in ordered if not seq.decoding and seq.group == group]
    grants: list[Grant] = []
    room = sizes.most
    for seq in decoding:
        if take := min(seq.pending, room):
            grants.append(Grant(seq.id, take))
            room -= take
    if not reading or (grants and not may_read()):
        return Step(tuple(grants), reads=False)
    if reading[0].alone:
        return Step((Grant(reading[0].id, reading[0].pending),), reads=True)
    shared = waiting or len(live) > 1
    wanted = (sizes.useful if shared else sizes.full) - (sizes.most - room)
    reads = _read([seq for seq in reading if not seq.alone], min(room, max(1, wanted)))
    return Step((*grants, *reads), reads=bool(reads))


def _group(ordered: Sequence[Live]) -> int:
    """Whose turn it is: the group that was computed longest ago, of equals the most urgent."""
    last: dict[int, int] = {}
    for seq in ordered:
        last[seq.group] = max(last.get(seq.group, 0), seq.stepped)
    return min(last, key=lambda group: last[group])


def _read(reading: Sequence[Live], room: int) -> list[Grant]:
    """One prompt after another. Nobody of a lower priority reads in the same step: it would make
    the first one wait for more than its own tokens."""
    grants: list[Grant] = []
    for seq in reading:
        if RANKS[seq.priority] > RANKS[reading[0].priority]:
            continue
        if take := min(seq.pending, room):
            grants.append(Grant(seq.id, take))
            room -= take
    return grants


class Turns:
    """Shares time between reading prompts and writing answers, by an account in seconds.

    Writing earns the readers their share, reading spends it. `target_s` is what one step may
    take, and bounds what can be earned.
    """

    def __init__(self, target_s: float) -> None:
        self._target_s = target_s
        self._account = 0.0
        self._needed = 0.0

    def may_read(self, share: float, step_s: float) -> bool:
        """Is it the readers' turn? A small share must be earned first, a large one is given in
        advance."""
        self._needed = step_s * max(0.0, 1 - 2 * share)
        return self._account >= self._needed

    def spent(self, seconds: float, *, reads: bool, share: float) -> None:
        """A step took so long, while both wanted their turn."""
        if reads:
            self._account -= seconds
        else:
            # Where steps are slow, no less than one of them can be earned.
            most = max(2 * self._target_s, self._needed, self._account)
            self._account = min(most, self._account + seconds * share / (1 - share))

    def reset(self) -> None:
        """Only one kind is left: nobody owes anybody."""
        self._account = 0.0


# Below this a read is short: an answer that is being written hardly notices it.
_SHORT_READ_S = 0.5


def reading_share(live: Sequence[Live]) -> float:
    """The share of time that prompts get while answers are being written."""
    readers = [seq for seq in live if not seq.decoding]
    writers = [seq for seq in live if seq.decoding]
    if not readers or not writers:
        return 1.0
    first = min(readers, key=due)
    rank, best = RANKS[first.priority], min(RANKS[seq.priority] for seq in writers)
    if rank > best:
        return 0.05 if first.priority == "background" else 0.2
    if first.read_s <= _SHORT_READ_S:
        # All that write together do so at less cost than one after another.
        return 0.95
    if rank < best:
        return 0.8
    return 0.5
