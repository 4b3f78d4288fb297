"""Which models are loaded, who waits for them, and which one is kept warm.

A model has a *seat* from its first use on. A seat needs a place and memory to have its worker run;
`room` shares them. Requests wait in their seat until it has its place; then they go to the
worker's actor, which starts the process when needed.

This module is long because it is the pool's whole face; what it does is done elsewhere.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

import msgspec

from hob.children.spawn import Spawn, spawn
from hob.errors import HobError, ModelNotFound, NoModels
from hob.supervisor import changes, problems
from hob.supervisor.actors import Actors
from hob.supervisor.answer import Answer
from hob.supervisor.asking import Asking
from hob.supervisor.inbox import Setup
from hob.supervisor.ledger import Ledger, private_bytes
from hob.supervisor.lifecycle import READY, STARTING
from hob.supervisor.limits import Limits
from hob.supervisor.link import WORKER_ARGV
from hob.supervisor.listing import Verdicts, list_entries, status_of, worth_telling
from hob.supervisor.memory import Planner
from hob.supervisor.pressure import Holder
from hob.supervisor.room import Room
from hob.supervisor.seat import Kept, Seat
from hob.supervisor.spare import Spare
from hob.supervisor.stamps import Stamps, read_stamps
from hob.wire.base import ErrorInfo
from hob.wire.calls import Call, CallResult
from hob.wire.engine import LoadOptions, WarmPrompt
from hob.wire.events import (
    Event,
    ModelChosen,
    ModelFailed,
    RequestHeld,
)
from hob.wire.generate import GenerateEvent, GenerateRequest
from hob.wire.models import ModelEntry, ModelInfo
from hob.wire.status import WorkerStatus

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolOptions:
    """Times in seconds. `max_loaded` models are loaded at most, fewer where memory is short;
    `idle_unload_s` 0 keeps every model; `max_queued` bounds the requests that one model may have,
    answering and waiting together. `start_ahead`: a process is started for the next model while
    the one before still ends."""

    load: LoadOptions = field(default_factory=LoadOptions)
    max_loaded: int = 4
    start_ahead: bool = True
    max_queued: int = 64
    idle_unload_s: float = 1800.0
    hello_timeout_s: float = 30.0
    start_timeout_s: float = 120.0
    stall_timeout_s: float = 60.0
    stop_timeout_s: float = 5.0


class Pool:
    """Loading, and answering from what is loaded; see `hob.api.ports.Models` for the contract.

    `resolve` and `infos` are the library's. `on_use` is told each new chosen model, so that it
    can be remembered, and `on_crash` each file whose load crashed the process. `load_options` says
    how a model is to be loaded (else all alike, as `options.load`), `planner` how much memory that
    takes (else only the places count). `warm_prompts` is asked at each load for those beside the
    options' own. `look_again` makes the planner read the memory of the GPUs anew. None of these
    raise. `stamps` tells a model's files apart, `private` what memory a
    process holds for itself; `clock` tells unix seconds.
    """

    def __init__(
        self,
        *,
        resolve: Callable[[str], ModelInfo],
        infos: Callable[[], Sequence[ModelInfo]],
        publish: Callable[[Event], None],
        options: PoolOptions = PoolOptions(),
        on_use: Callable[[str], None] = lambda name: None,
        on_crash: Callable[[ModelInfo, HobError], None] = lambda info, error: None,
        load_options: Callable[[ModelInfo], LoadOptions] | None = None,
        planner: Planner | None = None,
        warm_prompts: Callable[[ModelInfo], Sequence[WarmPrompt]] = lambda info: (),
        argv: Sequence[str] = WORKER_ARGV,
        spawn: Spawn = spawn,
        stamps: Callable[[ModelInfo], Awaitable[Stamps]] = read_stamps,
        private: Callable[[int], int | None] = private_bytes,
        look_again: Callable[[], Awaitable[None]] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._resolve = resolve
        self._infos = infos
        self._publish = publish
        self._options = options
        self._on_use = on_use
        self._warm_prompts = warm_prompts
        self._clock = clock
        self._setup = Setup(
            options=lambda info: options.load,
            limits=Limits(
                hello_s=options.hello_timeout_s,
                start_s=options.start_timeout_s,
                stall_s=options.stall_timeout_s,
                stop_s=options.stop_timeout_s,
            ),
            publish=publish,
            clock=clock,
            stamps=stamps,
            on_crash=on_crash,
            spare=Spare(spawn, argv),
        )
        self._ledger = Ledger(
            planner, load_options or (lambda info: options.load), private, look_again
        )
        self._verdicts = Verdicts(self._ledger)
        self._room = Room(
            max_loaded=options.max_loaded,
            idle_unload_s=options.idle_unload_s,
            ledger=self._ledger,
            is_chosen=lambda seat: seat.name == self._chosen_worker,
            hold=self._hold,
            refuse=self._refuse,
            prepare=self._setup.spare.prepare if options.start_ahead else lambda: None,
        )
        self._chosen = ""
        self._chosen_worker = ""
        self._draining = False
        self._quiet = asyncio.Event()
        self._actors = Actors(self._room, self._setup, self._load_options)
        self._asking = Asking(
            self._room,
            publish,
            clock,
            max_queued=options.max_queued,
            on_end=self._request_ended,
        )

    def _load_options(self, seat: Seat) -> LoadOptions:
        """How the seat's model is loaded into the room that it was given."""
        load = self._ledger.options(seat.info, seat.fit)
        warm = (*load.warm_prompts, *self._warm_prompts(seat.info))
        return msgspec.structs.replace(load, warm_prompts=warm)

    # ---- what is there ----

    @property
    def chosen(self) -> str:
        """The name of the model that is kept warm; empty when there is none."""
        return self._chosen

    @property
    def live_requests(self) -> int:
        """Requests that are being answered or wait for it."""
        return sum(seat.requests for seat in self._room.seats.values())

    def entries(self) -> Sequence[ModelEntry]:
        infos = self._infos()
        memory = self._ledger.alone(self._room.seats.values())
        return list_entries(infos, self._room, self._chosen, self._verdicts.of(infos, memory))

    def workers(self) -> Sequence[WorkerStatus]:
        """Workers that run, are waited for, or are down because of a failure."""
        return [self._status(seat) for seat in self._room.seats.values() if worth_telling(seat)]

    def _status(self, seat: Seat) -> WorkerStatus:
        chosen = seat.name == self._chosen_worker
        return status_of(seat, self._options.idle_unload_s, self._clock(), chosen=chosen)

    # ---- commands ----

    async def start(self, chosen: str) -> None:
        """Begin to load the chosen model, without waiting for it. A problem with it is told as a
        fact; the daemon serves the other models."""
        self._chosen = chosen
        if not chosen:
            return
        try:
            info = self._resolve(chosen)
            seat = self._seat(info)
        except HobError as error:
            logger.warning("the chosen model cannot be loaded: %s", error)
            self._publish(ModelFailed(at=self._clock(), model=chosen, error=ErrorInfo.of(error)))
            return
        self._chosen, self._chosen_worker = info.name, seat.name
        self._room.want(seat)

    async def load(self, name: str) -> WorkerStatus:
        """Load and wait until ready. Cancelled, it ends a load that nobody else waits for.

        Raises ModelError, WorkerError, ShuttingDown, or Cancelled when somebody ended the load.
        """
        self._refuse_when_draining()
        seat = self._seat(self._resolve(name))
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        ready.add_done_callback(lambda _: self._room.review_soon())
        seat.waiting.add_ready(ready)
        self._room.want(seat)
        try:
            await ready
        except asyncio.CancelledError:
            self._end_unwanted_load(seat)
            raise
        return self._status(seat)

    def _end_unwanted_load(self, seat: Seat) -> None:
        kept = seat.name == self._chosen_worker and seat.kept_warm
        others = any(not ready.done() for ready in seat.loading)
        if seat.worker.state == STARTING and not (kept or others or seat.live or seat.waiting):
            self._room.leave(seat, "asked")

    async def cancel(self, name: str) -> bool:
        """End the model's load, or the wait for room to load it; whoever waits gets Cancelled.

        False when there is nothing to cancel, since it is loaded or nobody wants it.
        """
        seat = self._room.seats.get(name) or self._room.seats.get(self._resolve(name).worker)
        if seat is None or seat.worker.state == READY:
            return False
        if seat.place == "none" and not self._room.wants(seat):
            return False
        error = problems.load_cancelled(seat.name)
        seat.kept_warm = False
        seat.waiting.fail(error)
        if seat.held:
            await asyncio.shield(self._room.leave(seat, "asked", error))
        return True

    async def keep(self, name: str, for_s: float | None) -> WorkerStatus:
        """Load it, and have it stay `for_s` seconds after each use, also as the chosen one; None
        keeps it for good. Forgotten when it is unloaded. Raises what `load` does."""
        await self.load(name)
        seat = self._seat(self._resolve(name))
        seat.kept = Kept(for_s)
        self._room.want(seat)
        return self._status(seat)

    async def unload(self, name: str) -> None:
        """End the model's worker; what it was asked fails with WorkerUnavailable."""
        seat = self._room.seats.get(name) or self._room.seats.get(self._resolve(name).worker)
        if seat is None:
            return
        seat.kept_warm = False
        seat.kept = None
        seat.waiting.fail(problems.unloaded(seat.name))
        await asyncio.shield(self._room.leave(seat, "asked"))

    async def use(self, name: str) -> WorkerStatus:
        """Make it the chosen model, load it, keep it warm.

        When it cannot be loaded, or the caller leaves, the one before stays the chosen one.
        """
        self._refuse_when_draining()
        info = self._resolve(name)
        seat = self._seat(info)
        before = self._chosen, self._chosen_worker
        self._choose(info.name, seat.name)
        seat.kept = None
        try:
            return await self.load(info.name)
        except (HobError, asyncio.CancelledError) as error:
            left = isinstance(error, asyncio.CancelledError)
            if (before[0] or left) and self._chosen == info.name and not self._draining:
                self._choose(*before)
                self._end_unwanted_load(seat)
                self._room.review_soon()
            raise

    def _choose(self, name: str, worker: str) -> None:
        self._chosen_worker = worker
        if name == self._chosen:
            return
        self._chosen = name
        self._on_use(name)
        self._publish(ModelChosen(at=self._clock(), model=name))

    @property
    def holder(self) -> Holder:
        """What can make way for other programs; see `pressure`."""
        return self._room

    # ---- what the library finds out ----

    def model_added(self, name: str) -> None:
        """A file is there; when it is the chosen model's, it has come back."""
        if name == self._chosen and not self._draining:
            try:
                seat = self._seat(self._resolve(name))
            except HobError as error:
                logger.warning("the chosen model cannot be loaded: %s", error)
                return
            self._chosen_worker = seat.name
            self._room.want(seat)

    def model_changed(self, info: ModelInfo, in_place: bool) -> None:
        """Its files are others now: written into (`in_place`) or replaced."""
        changes.take_over_change(self._room, info, in_place=in_place)

    def model_removed(self, name: str) -> None:
        """Its files are gone. The name of the chosen model is remembered."""
        changes.take_over_removal(self._room, name)

    def model_renamed(self, old: str, info: ModelInfo) -> None:
        """The same model by another name, or at another place."""
        changes.take_over_rename(self._room, old, info)
        if self._chosen_worker == old:
            self._chosen_worker = info.name
        if self._chosen == old:
            self._choose(info.name, self._chosen_worker)

    # ---- requests ----

    @asynccontextmanager
    async def generate(
        self, model: str, request: GenerateRequest, *, keep_alive: float | None = None
    ) -> AsyncIterator[AsyncIterator[GenerateEvent]]:
        """Run a request on `model` (empty: the chosen one), loading it when needed.

        Entering waits until a ready worker has the request. `keep_alive` is the model's idle time
        from now on, in seconds: 0 unloads it after the answer, a negative one keeps it for good.
        """
        async with self._ask(model, request, keep_alive) as answer:
            yield answer

    async def call(self, model: str, call: Call, *, keep_alive: float | None = None) -> CallResult:
        """Ask `model` (empty: the chosen one), loading it when needed, and wait for the result.

        It waits in line like a request, with the same `keep_alive`. Cancelling takes the call back.
        """
        async with self._ask(model, call, keep_alive) as answer:
            return await answer.result()

    def _ask(
        self, model: str, request: GenerateRequest | Call, keep_alive: float | None
    ) -> AbstractAsyncContextManager[Answer]:
        self._refuse_when_draining()
        seat = self._seat(self._resolve(model or self._chosen_or_raise()))
        chosen = seat.name == self._chosen_worker
        return self._asking.ask(seat, request, keep_alive=keep_alive, chosen=chosen)

    def _chosen_or_raise(self) -> str:
        if self._chosen:
            return self._chosen
        if not self._infos():
            raise NoModels(
                "There is no model yet.", hint="`hob models pull starter` fetches a small one."
            )
        raise ModelNotFound(
            "The request names no model, and none is chosen.",
            hint="Name one, or choose one with `hob models use NAME`.",
            param="model",
        )

    def _hold(self, seat: Seat, answer: Answer, why: str) -> None:
        self._publish(RequestHeld(at=self._clock(), id=answer.id, model=seat.name, why=why))

    def _refuse(self, seat: Seat, error: HobError) -> None:
        """There is no room for it, whoever leaves."""
        info = ErrorInfo.of(error)
        self._publish(ModelFailed(at=self._clock(), model=seat.name, error=info))
        seat.waiting.fail(error)

    def _request_ended(self) -> None:
        if self._draining and not self.live_requests:
            self._quiet.set()

    # ---- the end ----

    async def drain(self, grace_s: float) -> None:
        """Take nothing new, give what is live `grace_s` to finish, then end every worker."""
        self._draining = True
        try:
            async with asyncio.timeout(grace_s):
                if self.live_requests:
                    await self._quiet.wait()
        except TimeoutError:
            logger.warning("%d requests did not finish in time", self.live_requests)
        await self.aclose()

    async def aclose(self) -> None:
        """End every worker now, in good order where it takes no longer than the stop limit."""
        self._draining = True
        self._room.close()
        await self._actors.aclose()

    def _refuse_when_draining(self) -> None:
        if self._draining:
            raise problems.stopping()

    # ---- seats ----

    def _seat(self, info: ModelInfo) -> Seat:
        """The seat of the model that answers, with the file as it is now."""
        if info.served_by:
            info = self._resolve(info.served_by)
        return self._actors.seat_of(info)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
