"""Sharing the room among the models: acts on what the pure plans of `room_plan` say.

Every change ends in a review of all seats. All of it happens on one event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from hob.errors import HobError
from hob.supervisor.answer import Answer
from hob.supervisor.inbox import End, Rename, UnloadReason
from hob.supervisor.keeping import stay_of
from hob.supervisor.ledger import Ledger, out_of_memory
from hob.supervisor.lifecycle import DOWN, READY, STARTING
from hob.supervisor.memory import Memory, Rated
from hob.supervisor.room_plan import (
    LINGER_S,
    SHARE_S,
    Relief,
    RoomPlan,
    SeatView,
    plan_idle,
    plan_relief,
    plan_room,
)
from hob.supervisor.seat import Seat
from hob.wire.fit import Fit
from hob.wire.models import ModelInfo

# How often to look whether other programs have left room for the chosen model.
COME_BACK_S = 60.0


class Room:
    """The seats by their keys, and the queue of those that want a place.

    `is_chosen` tells the seat of the model that is kept warm; `hold` is told why an answer waits;
    `refuse` is told of a model that does not fit; `prepare` is called when a process will be needed
    as soon as another one is gone.
    """

    def __init__(
        self,
        *,
        max_loaded: int,
        idle_unload_s: float,
        ledger: Ledger,
        is_chosen: Callable[[Seat], bool],
        hold: Callable[[Seat, Answer, str], None],
        refuse: Callable[[Seat, HobError], None],
        prepare: Callable[[], None] = lambda: None,
    ) -> None:
        self.seats: dict[str, Seat] = {}
        self._max_loaded = max_loaded
        self._idle_unload_s = idle_unload_s
        self._ledger = ledger
        self._is_chosen = is_chosen
        self._hold = hold
        self._refuse = refuse
        self._prepare = prepare
        self._wanting: list[Seat] = []
        self._looks: set[asyncio.Task[None]] = set()
        self._review_due = False
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def wants(self, seat: Seat) -> bool:
        return seat in self._wanting

    def want(self, seat: Seat) -> None:
        """Queue for a place; a seat that has one, and need not give it up, goes on at once."""
        seat.used_at = _now()
        seat.kept_warm = True
        if seat not in self._wanting:
            self._wanting.append(seat)
        self.review()

    def leave(
        self, seat: Seat, why: UnloadReason, error: HobError | None = None
    ) -> asyncio.Future[None]:
        """End the process and give the place back when it is gone; the future tells when.

        `error` is for those whom the process is answering.
        """
        down: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        seat.held = False
        seat.stale = False
        seat.promised_at = None
        seat.ends += 1
        down.add_done_callback(lambda _: self._left(seat))
        seat.worker.post(End(why, down, error=error))
        return down

    def _left(self, seat: Seat) -> None:
        if self._ledger.must_look_again(seat) and not self._closed:
            look = asyncio.get_running_loop().create_task(self._look_again(seat))
            self._looks.add(look)
            look.add_done_callback(self._looks.discard)
            return
        seat.ends -= 1
        self.review_soon()

    async def _look_again(self, seat: Seat) -> None:
        """The seat counts as leaving until it is known what came free."""
        try:
            await self._ledger.look_again()
        finally:
            seat.ends -= 1
            self.review_soon()

    def set_aside(self, seat: Seat) -> None:
        """The model is no more: its name is free for another one, and the seat goes when all that
        is being answered is done."""
        seat.gone = True
        self.seats.pop(seat.key)
        number = 1
        while (key := f"{seat.name} (gone {number})") in self.seats:
            number += 1
        seat.key = key
        self.seats[key] = seat
        self.review_soon()

    def rename(self, seat: Seat, info: ModelInfo) -> None:
        """The same file by another name or at another place; its process goes on."""
        if (other := self.seats.get(info.name)) is not None and other is not seat:
            self.set_aside(other)
        del self.seats[seat.key]
        seat.key, seat.info = info.name, info
        self.seats[seat.key] = seat
        seat.worker.post(Rename(info))
        self.review_soon()

    def stays_warm(self, seat: Seat) -> bool:
        """Whether the model's process shall come back by itself."""
        return (
            not self._closed
            and seat.kept_warm
            and seat.held
            and not seat.gone
            and not seat.stale
            and seat.info.problem is None
            and self._is_chosen(seat)
        )

    def relieve(self, relief: Relief) -> str:
        """Somebody else needs memory: the name of the model that leaves for it, if one does."""
        key = plan_relief(self._views(), relief) if not self._closed else None
        if key is None:
            return ""
        seat = self.seats[key]
        seat.away_until = _now() + COME_BACK_S
        self.leave(seat, "pressure")
        return seat.name

    @property
    def loading(self) -> bool:
        """Whether any model is being loaded, which takes memory by itself."""
        return any(seat.worker.state == STARTING for seat in self.seats.values())

    @property
    def occupied(self) -> bool:
        """Whether any model has a place."""
        return any(seat.held for seat in self.seats.values())

    def close(self) -> None:
        """No more reviews: what is left is ended by whoever closes."""
        self._closed = True
        for look in self._looks:
            look.cancel()
        if self._timer is not None:
            self._timer.cancel()

    # ---- the review ----

    def review_soon(self) -> None:
        """One review for all changes of this turn of the loop."""
        if not self._review_due and not self._closed:
            self._review_due = True
            asyncio.get_running_loop().call_soon(self.review)

    def review(self) -> None:
        self._review_due = False
        if self._closed:
            return
        self._release_unused()
        gentle = self._bring_chosen_back()
        plan = self._share(gentle)
        idle_at = self._unload_idle()
        away = gentle or any(seat.away_until > _now() for seat in self.seats.values())
        self._set_timer([idle_at, *self._turns(plan), _now() + COME_BACK_S if away else None])

    def _release_unused(self) -> None:
        """A place without a process is free again, unless the process comes back by itself."""
        for seat in list(self.seats.values()):
            unused = seat.worker.state == DOWN and not seat.busy
            if seat.held and unused and (seat.worker.hopeless or not self.stays_warm(seat)):
                seat.held = False
                seat.stale = False
            if seat.gone and seat.place == "none" and not seat.wanted:
                del self.seats[seat.key]
                seat.worker.post(End("removed", close=True))
        self._wanting = [seat for seat in self._wanting if self._still_wanted(seat)]

    def _still_wanted(self, seat: Seat) -> bool:
        if self.seats.get(seat.key) is not seat:
            return False
        able = not seat.gone and seat.info.problem is None
        comes_back = able and seat.kept_warm and self._is_chosen(seat)
        return bool(seat.waiting) or comes_back

    def _bring_chosen_back(self) -> set[str]:
        """The chosen model gave up its place to others; it returns as soon as there is room.

        Returns the keys of those that come only where nobody must leave for them.
        """
        gentle: set[str] = set()
        for seat in self.seats.values():
            if not self._is_chosen(seat) or seat.gone or not seat.kept_warm:
                continue
            if seat.away_until > _now() or seat.info.problem is not None:
                continue
            if seat.place == "none" and not seat.worker.hopeless and not self._wanting:
                self._wanting.append(seat)
                gentle.add(seat.key)
        return gentle

    def _share(self, gentle: set[str]) -> RoomPlan:
        outdated = any(seat.stale or seat.gone for seat in self.seats.values())
        if not self._wanting and not outdated:
            self._note_promises(frozenset())
            return RoomPlan()
        # A request for a model that is loaded must not wait for figures that it does not need.
        loads = any(not seat.held for seat in self._wanting)
        plan = plan_room(
            self._views(),
            [seat.key for seat in self._wanting],
            self._max_loaded,
            self._ledger.free(self.seats.values()) if loads else (),
            self._rate,
            gentle=gentle,
        )
        for key in plan.evict:
            self.leave(self.seats[key], _why(self.seats[key]))
        if plan.evict and plan.hold:
            self._prepare()
        for key, fit in plan.refuse.items():
            self._turn_away(self.seats[key], fit)
        for key, planned in plan.grant.items():
            self._let_in(self.seats[key], planned)
        self._wanting = [seat for seat in self._wanting if seat.key not in gentle]
        for key, why in plan.hold.items():
            self._tell_why(self.seats[key], why)
        self._note_promises(plan.promised)
        return plan

    def _rate(self, key: str, memory: Memory) -> Rated:
        return self._ledger.rate(self.seats[key].info, memory)

    def _let_in(self, seat: Seat, fit: Fit | None) -> None:
        self._wanting.remove(seat)
        if not seat.held:
            seat.fit = fit
        seat.hand_over()

    def _turn_away(self, seat: Seat, fit: Fit) -> None:
        self._wanting.remove(seat)
        self._refuse(seat, out_of_memory(fit))

    def _tell_why(self, seat: Seat, why: str) -> None:
        for answer in seat.waiting.answers:
            if seat.told.get(answer) != why:
                seat.told[answer] = why
                self._hold(seat, answer, why)

    def _note_promises(self, promised: Iterable[str]) -> None:
        now = _now()
        for key, seat in self.seats.items():
            if key not in promised:
                seat.promised_at = None
            elif seat.promised_at is None:
                seat.promised_at = now

    # ---- turns and idleness ----

    def _turns(self, plan: RoomPlan) -> list[float | None]:
        """When to look again for the sake of those who wait for a promised model to leave."""
        now = _now()
        times: list[float | None] = []
        for key in plan.promised:
            seat = self.seats[key]
            if seat.place != "held":
                continue
            times.extend(at for at in (seat.turn_ends, self._lingers_until(seat)) if at > now)
            share_ends = max(seat.turn_ends, (seat.promised_at or now) + SHARE_S)
            if share_ends > now:
                times.append(share_ends)
            elif seat.worker.state == READY and seat.take_unheard_back():
                self._wanting.append(seat)
                self.review_soon()
        return times

    def _lingers_until(self, seat: Seat) -> float:
        """Until when a model that has just answered waits for the next question, in its turn."""
        linger = min(LINGER_S, seat.worker.load_s / 2)
        return min(seat.answered_at + linger, seat.turn_ends)

    def _unload_idle(self) -> float | None:
        plan = plan_idle(self._views(), _now())
        for key in plan.unload:
            seat = self.seats[key]
            # Only who said so makes the chosen one leave, and then it stays away.
            seat.kept_warm = seat.kept_warm and not self._is_chosen(seat)
            seat.kept = None
            self.leave(seat, "idle")
        return plan.next_at

    def _set_timer(self, times: Iterable[float | None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if (at := min((at for at in times if at is not None), default=None)) is not None:
            self._timer = asyncio.get_running_loop().call_at(at, self.review)

    # ---- views ----

    def _views(self) -> list[SeatView]:
        return [self._view(seat) for seat in self.seats.values()]

    def _view(self, seat: Seat) -> SeatView:
        now = _now()
        in_turn = now < seat.turn_ends
        stay = stay_of(seat, self._idle_unload_s)
        return SeatView(
            seat.key,
            seat.place,
            busy=seat.busy or self._lingers_for_others(seat, now),
            chosen=self._is_chosen(seat) and not seat.gone,
            last_used=seat.used_at,
            holds=seat.holds,
            in_turn=in_turn,
            stale=seat.stale or seat.gone,
            loading=seat.worker.state == STARTING,
            idle_s=stay.idle_s,
            whoever=stay.whoever,
        )

    def _lingers_for_others(self, seat: Seat, now: float) -> bool:
        """Nobody lingers before a person who wants another model: only before requests."""
        if now >= self._lingers_until(seat):
            return False
        ahead = [other for other in self._wanting if other is not seat]
        return bool(ahead) and not any(other.waiting.has_readies for other in ahead)


def _why(seat: Seat) -> UnloadReason:
    if seat.gone:
        return "removed"
    return "changed" if seat.stale else "room"


def _now() -> float:
    return asyncio.get_running_loop().time()
