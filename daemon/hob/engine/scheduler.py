"""Who gets a place, and who gets how many tokens of the next step. Pure: values in, values out.

There is no prefill phase and no decode phase. Every live sequence has tokens that are not computed
yet: one when it is decoding, many when its prompt is being read. A step shares one token budget
among them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hob.wire.generate import Priority

_RANKS: dict[Priority, int] = {"interactive": 0, "normal": 1, "background": 2}


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request with a tokenized prompt and no slot yet. `cells` is all that it can ever need of
    the KV cache, so that a request which has begun never runs out of room."""

    id: str
    priority: Priority
    arrival: int
    cells: int


@dataclass(frozen=True, slots=True)
class Live:
    """A request in a slot; `pending` of its tokens are not computed yet, at least one.
    `decoding` is true from its first sampled token on."""

    id: str
    priority: Priority
    arrival: int
    pending: int
    decoding: bool


@dataclass(frozen=True, slots=True)
class Limits:
    """`batch_tokens` bounds one step. `shared_chunk` bounds what a step reads of prompts while
    others decode or wait: each of them then waits no longer than that chunk takes.
    """

    batch_tokens: int
    shared_chunk: int


@dataclass(frozen=True, slots=True)
class Grant:
    """`tokens` of the pending ones are computed in this step."""

    id: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Step:
    grants: tuple[Grant, ...]


def admit(waiting: Iterable[Waiting], free_slots: int, free_cells: int) -> tuple[str, ...]:
    """The requests that get a slot now, by priority, then by arrival.

    The queue stops at the first that does not fit, so that a large request is not overtaken for
    ever by small ones of its own priority.
    """
    admitted: list[str] = []
    for request in sorted(waiting, key=_order):
        if len(admitted) == free_slots or request.cells > free_cells:
            break
        admitted.append(request.id)
        free_cells -= request.cells
    return tuple(admitted)


def plan(live: Sequence[Live], others_waiting: bool, limits: Limits) -> Step:
    """Share one step: a token for each decoding sequence, then prompts in equal shares.

    Equal shares let a short question pass a long document that is being read.
    """
    ordered = sorted(live, key=_order)
    decoding = [seq for seq in ordered if seq.decoding][: limits.batch_tokens]
    reading = [seq for seq in ordered if not seq.decoding]
    room = limits.batch_tokens - len(decoding)
    if len(live) > 1 or others_waiting:
        room = min(room, limits.shared_chunk)
    shares = _share([seq.pending for seq in reading], room)
    grants = [Grant(seq.id, 1) for seq in decoding]
    grants += [Grant(seq.id, share) for seq, share in zip(reading, shares, strict=True) if share]
    return Step(tuple(grants))


def _share(wants: Sequence[int], room: int) -> list[int]:
    """Equal parts of `room`; what one does not want goes to the others, earlier ones first."""
    shares = [0] * len(wants)
    hungry = list(range(len(wants)))
    while room and hungry:
        part = max(1, room // len(hungry))
        for index in hungry:
            take = min(part, wants[index] - shares[index], room)
            shares[index] += take
            room -= take
        hungry = [index for index in hungry if shares[index] < wants[index]]
    return shares


def _order(request: Waiting | Live) -> tuple[int, int]:
    return _RANKS[request.priority], request.arrival
