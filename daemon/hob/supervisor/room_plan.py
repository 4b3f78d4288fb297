"""Who may be loaded beside whom, as pure functions. Times are seconds on any steady clock.

Models share places (`max_loaded`) and memory, first come, first served. A model keeps its place
until another one needs it. Who must leave: idle before busy, the chosen model last, then the least
recently used. A busy one is never ended; it is promised to whoever waits, and requests that come
for it once its turn is over wait behind, or a model in constant use would keep all others out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal

from hob.supervisor.memory import Bytes, Grade, Memory, Rated, less, lesser, more
from hob.wire.fit import Fit

# A model that was loaded anew may take newcomers for so many times its load time before it makes
# room for another, so that most of the time goes into answers and not into loading.
TURN_LOADS = 4.0
LONGEST_TURN_S = 60.0
# Within its turn a model stays so long after an answer: whoever got it often asks again at once.
LINGER_S = 0.3
# Requests that still wait inside a promised worker after so long give up their place to it.
SHARE_S = 30.0

Place = Literal["none", "held", "leaving"]
FitOf = Callable[[str, Memory], Rated]


@dataclass(frozen=True, slots=True)
class SeatView:
    """What the plan must know of a model.

    `busy`: answering, loading, or being waited for. `in_turn`: it takes newcomers although it is
    promised. `stale`: its file is another now, so it takes nothing new and leaves when it can.
    `holds` is what comes free, by device, when its process is gone. `idle_s`: how long it stays
    after its last use, infinite for good; `whoever`: even if it is the chosen one.
    """

    name: str
    place: Place
    busy: bool = False
    chosen: bool = False
    last_used: float = 0.0
    holds: Bytes = field(default_factory=dict)
    in_turn: bool = False
    stale: bool = False
    loading: bool = False
    idle_s: float = float("inf")
    whoever: bool = False


@dataclass(frozen=True, slots=True)
class RoomPlan:
    """Who may go to its worker now and how it is loaded there (None: as the options say, or it is
    loaded already), whose worker must end to make room, who is promised to somebody, who waits
    and why (one sentence), and who does not fit even alone."""

    grant: dict[str, Fit | None] = field(default_factory=dict)
    evict: tuple[str, ...] = ()
    promised: frozenset[str] = frozenset()
    hold: dict[str, str] = field(default_factory=dict)
    refuse: dict[str, Fit] = field(default_factory=dict)


def anything_fits(name: str, memory: Memory) -> Rated:
    """For when nobody knows about memory: only the places count."""
    return Rated(Grade.GOOD)


def plan_room(
    seats: Sequence[SeatView],
    wanting: Sequence[str],
    max_loaded: int,
    memory: Memory = (),
    fit: FitOf = anything_fits,
    *,
    gentle: Collection[str] = (),
) -> RoomPlan:
    """Share the room among the models that are wanted, in the order of `wanting`.

    `memory` is what is free now, less what loading models will still take. Those in `gentle` come
    only where nobody must leave for them, and else do not wait either.
    """
    share = _Share(seats, max_loaded, memory, fit)
    for name in wanting:
        if share.seats[name].place == "held":
            share.go_on(name)
        elif name in gentle:
            share.come_back(name)
        else:
            share.admit(name)
    outdated = [s.name for s in seats if s.place == "held" and s.stale and not s.busy]
    share.evict.extend(name for name in outdated if name not in share.evict)
    return RoomPlan(
        share.grant, tuple(share.evict), frozenset(share.promised), share.hold, share.refuse
    )


@dataclass(frozen=True, slots=True)
class _Step:
    """The room once `victims` are gone, and what the model would find there. `now`: nothing need
    happen first."""

    now: bool
    victims: tuple[SeatView, ...]
    memory: Memory
    places: int
    rated: Rated


class _Share:
    """The plan in the making: what is there now, and what will be once all that is under way
    has happened and everyone who waits has got its room."""

    def __init__(
        self, seats: Sequence[SeatView], max_loaded: int, memory: Memory, fit: FitOf
    ) -> None:
        self.seats = {seat.name: seat for seat in seats}
        self.grant: dict[str, Fit | None] = {}
        self.evict: list[str] = []
        self.promised: set[str] = set()
        self.hold: dict[str, str] = {}
        self.refuse: dict[str, Fit] = {}
        self._fit = fit
        self._kept: set[str] = set()
        self._ahead = ""
        leaving = [seat for seat in seats if seat.place == "leaving"]
        self._leaving = [seat.name for seat in leaving]
        held = sum(seat.place == "held" for seat in seats)
        self._places = max_loaded - held - len(leaving)
        self._memory = memory
        self._later_places = max_loaded - held
        self._later = memory
        self._alone = memory
        for seat in seats:
            if seat.place == "leaving":
                self._later = more(self._later, seat.holds)
            if seat.place != "none":
                self._alone = more(self._alone, seat.holds)

    def go_on(self, name: str) -> None:
        """It has a place already."""
        seat = self.seats[name]
        if seat.stale:
            self.hold[name] = (
                "Waits until the answers from the old file are done, since the file is another now."
            )
        elif name not in self.promised or (seat.in_turn and name not in self.evict):
            self.grant[name] = None
            self._kept.add(name)
        else:
            self.hold[name] = self._behind()

    def come_back(self, name: str) -> None:
        if self.seats[name].place == "leaving" or self._ahead:
            return
        step = self._now(name)
        if step.rated.grade >= Grade.ENOUGH:
            self._commit(name, step)

    def admit(self, name: str) -> None:
        """Find it room: as it is, by waiting for what is under way, or by making others leave."""
        alone = self._fit(name, self._alone)
        if alone.grade == Grade.NO and alone.fit is not None:
            self.refuse[name] = alone.fit
            return
        steps = self._steps(name)
        chosen = _choose(steps)
        if chosen is None:
            # Those who came first have promised each other all there is.
            self.hold[name] = self._behind()
            return
        self._commit(name, self._pruned(name, chosen))

    def _now(self, name: str) -> _Step:
        places = min(self._places, self._later_places)
        memory = lesser(self._memory, self._later)
        return _Step(True, (), memory, places, self._rated(name, memory, places))

    def _steps(self, name: str) -> list[_Step]:
        steps = [] if self.seats[name].place == "leaving" else [self._now(name)]
        victims = sorted(
            (
                seat
                for seat in self.seats.values()
                if seat.place == "held" and seat.name not in self.promised
            ),
            key=lambda seat: (self._busy(seat), seat.chosen, seat.last_used),
        )
        steps.extend(self._after(name, tuple(victims[:count])) for count in range(len(victims) + 1))
        return steps

    def _after(self, name: str, victims: tuple[SeatView, ...]) -> _Step:
        """When what is under way has happened, and these have left."""
        memory, places = self._later, self._later_places + len(victims)
        for victim in victims:
            memory = more(memory, victim.holds)
        return _Step(
            False,
            tuple(self._as_kept(victim) for victim in victims),
            memory,
            places,
            self._rated(name, memory, places),
        )

    def _rated(self, name: str, memory: Memory, places: int) -> Rated:
        return self._fit(name, memory) if places > 0 else Rated(Grade.NO)

    def _busy(self, seat: SeatView) -> bool:
        """Those that are about to answer someone who came first count as busy."""
        return seat.busy or seat.name in self._kept

    def _as_kept(self, seat: SeatView) -> SeatView:
        if not self._busy(seat) or seat.busy:
            return seat
        return SeatView(seat.name, seat.place, True, seat.chosen, seat.last_used, seat.holds)

    def _pruned(self, name: str, step: _Step) -> _Step:
        """Without the victims whose leaving changes nothing, the latest used first."""
        for victim in reversed(step.victims):
            fewer = tuple(other for other in step.victims if other is not victim)
            tried = self._after(name, fewer)
            if tried.rated.worth >= step.rated.worth or (
                tried.rated.grade == Grade.GOOD and tried.rated.gpu_layers >= step.rated.gpu_layers
            ):
                step = tried
        return step

    def _commit(self, name: str, step: _Step) -> None:
        needs = step.rated.needs
        if step.now:
            self.grant[name] = step.rated.fit
            self._memory = less(self._memory, needs)
            self._later = less(self._later, needs)
            self._places -= 1
            self._later_places -= 1
            return
        self._later = less(step.memory, needs)
        self._later_places = step.places - 1
        self.promised.update(victim.name for victim in step.victims)
        if not any(victim.busy for victim in step.victims):
            self.evict.extend(victim.name for victim in step.victims)
        self.hold[name] = self._waits_for(name, step.victims)
        self._ahead = self._ahead or name

    def _waits_for(self, name: str, victims: Sequence[SeatView]) -> str:
        busy = [victim for victim in victims if victim.busy]
        if busy:
            what = "is loaded and has answered" if busy[0].loading else "has finished its answers"
            return f"Waits until {busy[0].name} {what}: there is no room for both models at once."
        if victims:
            names = " and ".join(victim.name for victim in victims)
            have = "have" if len(victims) > 1 else "has"
            return f"Waits until {names} {have} left the memory to make room."
        leaving = next((other for other in self._leaving if other != name), name)
        return f"Waits until {leaving} has left the memory."

    def _behind(self) -> str:
        return f"Waits its turn: {self._ahead or 'another model'} came first and needs the room."


def _choose(steps: Sequence[_Step]) -> _Step | None:
    """The step that costs least among those that are good enough.

    Idle models leave for a useful context and for the GPU; the chosen one only where it would not
    do otherwise, and busy ones are waited for only then.
    """
    ways = [step for step in steps if step.rated.grade > Grade.NO]
    easy = [s for s in ways if not any(victim.busy or victim.chosen for victim in s.victims)]
    most_layers = max((step.rated.gpu_layers for step in easy), default=0)
    for step in easy:
        if step.rated.grade == Grade.GOOD and step.rated.gpu_layers >= most_layers:
            return step
    # max gives the first of equals, which is the one with the fewest victims.
    best = max(easy, key=lambda step: step.rated.worth, default=None)
    if best is not None and best.rated.grade >= Grade.ENOUGH:
        return best
    return next((s for s in ways if s.rated.grade >= Grade.ENOUGH), best or next(iter(ways), None))


@dataclass(frozen=True, slots=True)
class IdlePlan:
    """Whose worker has idled too long, and when to look again (None: nothing to wait for)."""

    unload: tuple[str, ...] = ()
    next_at: float | None = None


def plan_idle(seats: Sequence[SeatView], now: float) -> IdlePlan:
    """Models leave that nobody used for their idle time. The chosen one stays, unless somebody has
    said for how long."""
    unload: list[str] = []
    deadlines: list[float] = []
    for seat in seats:
        if seat.place != "held" or seat.busy or (seat.chosen and not seat.whoever):
            continue
        deadline = seat.last_used + seat.idle_s
        if deadline <= now:
            unload.append(seat.name)
        elif deadline != float("inf"):
            deadlines.append(deadline)
    return IdlePlan(tuple(unload), min(deadlines, default=None))


Relief = Literal["off", "idle", "all"]


def plan_relief(seats: Sequence[SeatView], relief: Relief) -> str | None:
    """Who leaves because other programs need memory: the idle model that was used longest ago.
    The chosen one is the last, and leaves only by `all`."""
    idle = [seat for seat in seats if seat.place == "held" and not seat.busy]
    able = [seat for seat in idle if relief == "all" or (relief == "idle" and not seat.chosen)]
    first = min(able, key=lambda seat: (seat.chosen, seat.last_used), default=None)
    return first.name if first else None
