"""Sharing the places among the models: acts on what the pure plans of `policy` say.

Every change ends in a review of all seats. All of it happens on one event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from hob.supervisor.inbox import End, UnloadReason
from hob.supervisor.lifecycle import DOWN
from hob.supervisor.policy import plan_idle, plan_room
from hob.supervisor.seat import Seat


class Room:
    """The seats, and the queue of those that want a place.

    `chosen` tells the name of the model that is kept warm.
    """

    def __init__(self, *, max_loaded: int, idle_unload_s: float, chosen: Callable[[], str]) -> None:
        self.seats: dict[str, Seat] = {}
        self._max_loaded = max_loaded
        self._idle_unload_s = idle_unload_s
        self._chosen = chosen
        self._wanting: list[str] = []
        self._review_due = False
        self._idle_timer: asyncio.TimerHandle | None = None
        self._closed = False

    def wants(self, seat: Seat) -> bool:
        return seat.name in self._wanting

    def want(self, seat: Seat) -> None:
        """Queue for a place; a seat that has one, and need not give it up, goes on at once."""
        seat.used_at = _now()
        seat.kept_warm = True
        if seat.name not in self._wanting:
            self._wanting.append(seat.name)
        self.review()

    def leave(self, seat: Seat, why: UnloadReason) -> asyncio.Future[None]:
        """End the process and give the place back when it is gone; the future tells when."""
        down: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        seat.held = False
        seat.ends += 1
        down.add_done_callback(lambda _: self._gone(seat))
        seat.worker.post(End(why, down))
        return down

    def _gone(self, seat: Seat) -> None:
        seat.ends -= 1
        self.review_soon()

    def stays_warm(self, name: str) -> bool:
        """Whether the model's process shall come back by itself."""
        seat = self.seats.get(name)
        return (
            seat is not None
            and not self._closed
            and name == self._chosen()
            and seat.kept_warm
            and seat.held
        )

    def close(self) -> None:
        """No more reviews: what is left is ended by whoever closes."""
        self._closed = True
        if self._idle_timer is not None:
            self._idle_timer.cancel()

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
        self._bring_chosen_back()
        self._share()
        self._unload_idle()

    def _release_unused(self) -> None:
        """A place without a process is free again, unless the process comes back by itself."""
        for seat in self.seats.values():
            unused = seat.held and seat.worker.state == DOWN and not seat.busy
            if unused and not self.stays_warm(seat.name):
                seat.held = False
        self._wanting = [name for name in self._wanting if self._still_wanted(name)]

    def _still_wanted(self, name: str) -> bool:
        seat = self.seats.get(name)
        if seat is None:
            return False
        return bool(seat.waiting) or (seat.kept_warm and name == self._chosen())

    def _bring_chosen_back(self) -> None:
        """The chosen model gave up its place to others; it returns as soon as one is free."""
        seat = self.seats.get(self._chosen())
        taken = sum(seat.place != "none" for seat in self.seats.values())
        if seat is None or not seat.kept_warm or seat.place != "none" or self._wanting:
            return
        if taken < self._max_loaded:
            self._wanting.append(seat.name)

    def _share(self) -> None:
        chosen = self._chosen()
        views = [seat.view(chosen) for seat in self.seats.values()]
        plan = plan_room(views, self._wanting, self._max_loaded)
        for name in plan.evict:
            self.leave(self.seats[name], "room")
        for name in plan.grant:
            self._wanting.remove(name)
            self.seats[name].hand_over()

    def _unload_idle(self) -> None:
        chosen, now = self._chosen(), _now()
        views = [seat.view(chosen) for seat in self.seats.values()]
        plan = plan_idle(views, now, self._idle_unload_s)
        for name in plan.unload:
            self.leave(self.seats[name], "idle")
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None
        if plan.next_at is not None:
            loop = asyncio.get_running_loop()
            self._idle_timer = loop.call_at(plan.next_at, self.review)


def _now() -> float:
    return asyncio.get_running_loop().time()
