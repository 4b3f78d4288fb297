"""Which models are loaded, who waits for them, and which one is kept warm.

A model has a *seat* from its first use on. A seat needs a place to have its worker run, and
there are `max_loaded` places; `room` shares them. Requests wait in their seat until it has a
place; then they go to the worker's actor, which starts the process when needed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec

from hob.errors import Cancelled, HobError, ModelNotFound, NoModels
from hob.supervisor import policy, problems
from hob.supervisor.answer import Answer, Outcome
from hob.supervisor.inbox import End, Limits, Setup, TakeBack
from hob.supervisor.lifecycle import DOWN, READY
from hob.supervisor.outcomes import end_fact
from hob.supervisor.process import Worker
from hob.supervisor.room import Room
from hob.supervisor.seat import Seat
from hob.supervisor.spawn import WORKER_ARGV, Spawn, spawn
from hob.wire.base import ErrorInfo
from hob.wire.calls import Call, CallResult
from hob.wire.engine import LoadOptions, WarmPrompt
from hob.wire.events import (
    Event,
    ModelChosen,
    ModelFailed,
    RequestQueued,
    RequestStarted,
)
from hob.wire.generate import GenerateEvent, GenerateRequest
from hob.wire.models import ModelEntry, ModelInfo, ModelState
from hob.wire.status import WorkerStatus

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolOptions:
    """Times in seconds. `idle_unload_s` 0 keeps every model; `max_queued` bounds the requests
    that one model may have, answering and waiting together."""

    load: LoadOptions = field(default_factory=LoadOptions)
    max_loaded: int = 2
    max_queued: int = 64
    idle_unload_s: float = 1800.0
    hello_timeout_s: float = 30.0
    start_timeout_s: float = 120.0
    stall_timeout_s: float = 60.0
    stop_timeout_s: float = 5.0


class Pool:
    """Loading, and answering from what is loaded; see `hob.api.ports.Models` for the contract.

    `resolve` and `infos` are the library's. `on_use` is told each new chosen model, so that it
    can be remembered. `warm_prompts` is asked at each load for those beside the options' own; it
    does not raise. `clock` tells unix seconds.
    """

    def __init__(
        self,
        *,
        resolve: Callable[[str], ModelInfo],
        infos: Callable[[], Sequence[ModelInfo]],
        publish: Callable[[Event], None],
        options: PoolOptions = PoolOptions(),
        on_use: Callable[[str], None] = lambda name: None,
        warm_prompts: Callable[[], Sequence[WarmPrompt]] = tuple,
        argv: Sequence[str] = WORKER_ARGV,
        spawn: Spawn = spawn,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._resolve = resolve
        self._infos = infos
        self._publish = publish
        self._options = options
        self._on_use = on_use
        self._warm_prompts = warm_prompts
        self._clock = clock
        limits = Limits(
            hello_s=options.hello_timeout_s,
            start_s=options.start_timeout_s,
            stall_s=options.stall_timeout_s,
            stop_s=options.stop_timeout_s,
        )
        self._setup = Setup(spawn, argv, self._load_options, limits, publish, clock)
        self._room = Room(
            max_loaded=options.max_loaded,
            idle_unload_s=options.idle_unload_s,
            chosen=lambda: self._chosen,
        )
        self._chosen = ""
        self._draining = False
        self._quiet = asyncio.Event()
        self._actors: set[asyncio.Task[None]] = set()

    def _load_options(self) -> LoadOptions:
        load = self._options.load
        warm = (*load.warm_prompts, *self._warm_prompts())
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
        return [
            ModelEntry(info=info, state=self._state_of(info), chosen=info.name == self._chosen)
            for info in self._infos()
        ]

    def _state_of(self, info: ModelInfo) -> ModelState:
        seat = self._room.seats.get(info.name)
        if info.problem is not None:
            return "bad"
        if seat is None:
            return "available"
        if seat.worker.state == READY:
            return "answering" if seat.live else "warm"
        return "loading" if seat.busy or self._room.wants(seat) else "available"

    def workers(self) -> Sequence[WorkerStatus]:
        """Workers that run, are waited for, or are down because of a failure."""
        return [
            self._status(seat)
            for seat in self._room.seats.values()
            if seat.worker.state != DOWN or seat.requests or seat.worker.problem is not None
        ]

    def _status(self, seat: Seat) -> WorkerStatus:
        return seat.worker.status(
            chosen=seat.name == self._chosen,
            waiting=len(seat.waiting.answers),
            last_used=self._clock() - (self._now() - seat.used_at),
        )

    # ---- commands ----

    async def start(self, chosen: str) -> None:
        """Begin to load the chosen model, without waiting for it. A problem with it is told as a
        fact; the daemon serves the other models."""
        self._chosen = chosen
        if not chosen:
            return
        try:
            info = self._resolve(chosen)
        except HobError as error:
            logger.warning("the chosen model cannot be loaded: %s", error)
            self._publish(ModelFailed(at=self._clock(), model=chosen, error=ErrorInfo.of(error)))
            return
        self._chosen = info.name
        self._room.want(self._seat(info))

    async def load(self, name: str) -> WorkerStatus:
        """Load and wait until ready. Raises ModelError, WorkerError or ShuttingDown."""
        self._refuse_when_draining()
        seat = self._seat(self._resolve(name))
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        ready.add_done_callback(lambda _: self._room.review_soon())
        seat.waiting.add_ready(ready)
        self._room.want(seat)
        await ready
        return self._status(seat)

    async def unload(self, name: str) -> None:
        """End the model's worker; what it was asked fails with WorkerUnavailable."""
        seat = self._room.seats.get(name) or self._room.seats.get(self._resolve(name).name)
        if seat is None:
            return
        seat.kept_warm = False
        seat.waiting.fail(problems.unloaded(seat.name))
        await asyncio.shield(self._room.leave(seat, "asked"))

    async def use(self, name: str) -> WorkerStatus:
        """Make it the chosen model, load it, keep it warm.

        When it cannot be loaded, the one before stays the chosen one.
        """
        self._refuse_when_draining()
        info = self._resolve(name)
        before = self._chosen
        self._choose(info.name)
        try:
            return await self.load(info.name)
        except HobError:
            if before and self._chosen == info.name and not self._draining:
                self._choose(before)
                self._room.review_soon()
            raise

    def _choose(self, name: str) -> None:
        if name == self._chosen:
            return
        self._chosen = name
        self._on_use(name)
        self._publish(ModelChosen(at=self._clock(), model=name))

    @asynccontextmanager
    async def generate(
        self, model: str, request: GenerateRequest
    ) -> AsyncIterator[AsyncIterator[GenerateEvent]]:
        """Run a request on `model` (empty: the chosen one), loading it when needed.

        Entering waits until a ready worker has the request.
        """
        async with self._asking(model, request) as answer:
            yield answer

    async def call(self, model: str, call: Call) -> CallResult:
        """Ask `model` (empty: the chosen one), loading it when needed, and wait for the result.

        It waits in line like a request. Cancelling takes the call back.
        """
        async with self._asking(model, call) as answer:
            return await answer.result()

    @asynccontextmanager
    async def _asking(self, model: str, request: GenerateRequest | Call) -> AsyncIterator[Answer]:
        self._refuse_when_draining()
        seat = self._seat(self._resolve(model or self._chosen_or_raise()))
        policy.check_queue(seat.name, seat.requests, self._options.max_queued)
        answer = Answer(
            request,
            on_start=lambda answer: self._publish(
                RequestStarted(at=self._clock(), id=answer.id, model=seat.name)
            ),
            on_end=lambda answer, outcome: self._request_ended(seat, answer, outcome),
            on_queue=lambda answer, place: self._tell_place(seat, answer, place),
        )
        seat.waiting.answers.append(answer)
        self._room.want(seat)
        if place := seat.last_place:
            self._tell_place(seat, answer, place)
        try:
            await answer.wait_open()
            yield answer
        finally:
            if not answer.ended:
                seat.worker.post(TakeBack(answer))
                answer.fail(Cancelled("The request was taken back before its answer was done."))

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

    def _tell_place(self, seat: Seat, answer: Answer, place: int) -> None:
        fact = RequestQueued(at=self._clock(), id=answer.id, model=seat.name, place=place)
        self._publish(fact)

    def _request_ended(self, seat: Seat, answer: Answer, outcome: Outcome) -> None:
        seat.forget(answer)
        seat.used_at = self._now()
        self._publish(end_fact(answer.id, seat.name, outcome, self._clock()))
        if self._draining and not self.live_requests:
            self._quiet.set()
        self._room.review_soon()

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
        for seat in self._room.seats.values():
            seat.waiting.fail(problems.stopping())
            seat.worker.post(End("shutdown", close=True))
        actors = set(self._actors)
        try:
            await asyncio.gather(*actors, return_exceptions=True)
        finally:
            for actor in actors:
                actor.cancel()

    def _refuse_when_draining(self) -> None:
        if self._draining:
            raise problems.stopping()

    # ---- seats ----

    def _seat(self, info: ModelInfo) -> Seat:
        """The model's seat with the file as it is now, made on first use with its worker."""
        seat = self._room.seats.get(info.name)
        if seat is not None:
            seat.info = info
            return seat
        worker = Worker(
            info,
            self._setup,
            keep_warm=lambda: self._room.stays_warm(info.name),
            on_move=self._room.review_soon,
        )
        seat = self._room.seats[info.name] = Seat(info, worker, self._now())
        actor = asyncio.get_running_loop().create_task(worker.run(), name=f"worker {info.name}")
        self._actors.add(actor)
        actor.add_done_callback(lambda actor: self._actor_done(actor, info.name))
        return seat

    def _actor_done(self, actor: asyncio.Task[None], name: str) -> None:
        """An actor that failed is a mistake of ours; the next request gets a new one."""
        self._actors.discard(actor)
        if not actor.cancelled() and (error := actor.exception()) is not None:
            logger.critical("the supervisor of %s has failed", name, exc_info=error)
            seat = self._room.seats.pop(name)
            seat.waiting.fail(problems.internal())
            self._room.review_soon()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
