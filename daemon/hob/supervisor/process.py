"""One actor per model: a task owns the worker's state, everyone else posts to its inbox.

After each item `_advance` compares what is wanted with what is, and acts. There is no timer
while there is nothing to wait for: an idle worker costs no wakeups.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Literal

from hob.errors import (
    HobError,
    ModelError,
    ProtocolError,
    WorkerError,
)
from hob.supervisor import problems
from hob.supervisor.answer import Answer
from hob.supervisor.inbox import (
    Ask,
    End,
    Item,
    LimitReached,
    Report,
    Setup,
    TakeBack,
    UnloadReason,
    Wish,
)
from hob.supervisor.life import Life
from hob.supervisor.lifecycle import CLOSED, DOWN, READY, STARTING, STOPPING, check_move
from hob.supervisor.link import Babbled, Ended, FromLink, Link, Said
from hob.supervisor.policy import Failures, Refuse, StartAt, decide_start, may_ask_again
from hob.wire.base import ErrorInfo
from hob.wire.engine import (
    PROTOCOL_VERSION,
    Failed,
    FromWorker,
    Heartbeat,
    Hello,
    Load,
    Loaded,
    LoadedInfo,
    LoadFailed,
    LoadProgress,
)
from hob.wire.events import ModelFailed, ModelLoading, ModelReady, ModelUnloaded
from hob.wire.generate import Delta, Finished, Started
from hob.wire.models import ModelInfo
from hob.wire.status import WorkerState, WorkerStatus

Why = UnloadReason | Literal["wanted", "loaded", "failed", "replaced", "closed"]
RATES_KEPT = 16
PROGRESS_STEP = 0.01


class Worker:
    """The process of one model, whether it runs or not.

    `keep_warm` says whether it shall come back by itself; `on_move` is called after each move.
    """

    def __init__(
        self,
        info: ModelInfo,
        setup: Setup,
        *,
        keep_warm: Callable[[], bool],
        on_move: Callable[[], None],
    ) -> None:
        self.model = info.name
        self.state: WorkerState = DOWN
        self._info = info
        self._setup = setup
        self._keep_warm = keep_warm
        self._on_move = on_move
        self._logger = logging.getLogger(f"hob.worker.{info.name}")
        self._inbox: asyncio.Queue[Item] = asyncio.Queue()
        self._accepts = True
        self._closing = False
        self._life: Life | None = None
        self._stopping_why: Why = "asked"
        self._parked: deque[Answer] = deque()
        self._waiters: list[asyncio.Future[None]] = []
        self._downs: list[asyncio.Future[None]] = []
        self._wished_at: float | None = None
        self._start_at: float | None = None
        self._failures = Failures()
        self._problem: HobError | None = None
        self._restarts = 0
        self._answers = 0
        self._rates: deque[float] = deque(maxlen=RATES_KEPT)

    # ---- posted by others ----

    def post(self, item: Item) -> None:
        """Never waits. An actor that has ended answers by itself."""
        if self._accepts:
            self._inbox.put_nowait(item)
        else:
            self._refuse(item)

    # ---- the actor ----

    async def run(self) -> None:
        """Own the state until closed. Cancelling it kills the process."""
        try:
            async with asyncio.TaskGroup() as links:
                while self.state != CLOSED:
                    self._handle(await self._next_item())
                    self._advance(links)
        finally:
            self._accepts = False
            self._settle_all(problems.stopping() if self._closing else problems.internal())
            while not self._inbox.empty():
                self._refuse(self._inbox.get_nowait())

    async def _next_item(self) -> Item:
        try:
            async with asyncio.timeout_at(self._deadline()):
                return await self._inbox.get()
        except TimeoutError:
            # A loop that was held up sees the limit first and what arrived in time second.
            return LimitReached() if self._inbox.empty() else self._inbox.get_nowait()

    def _deadline(self) -> float | None:
        """When patience ends in the present state, by the loop's clock."""
        limits, life = self._setup.limits, self._life
        if life is None:
            return self._start_at
        match self.state:
            case "starting":
                return life.heard_at + (limits.start_s if life.build else limits.hello_s)
            case "ready" if life.live:
                return life.heard_at + limits.stall_s
            case "stopping":
                return life.kill_at
        return None

    def _handle(self, item: Item) -> None:
        match item:
            case Ask(info, answer):
                self._want(info)
                self._parked.append(answer)
            case TakeBack(answer):
                self._take_back(answer)
            case Wish(info, ready, forgive):
                self._want(info)
                if ready is not None:
                    self._waiters.append(ready)
                if forgive:
                    self._failures = Failures()
            case End():
                self._end(item)
            case Report(link, event):
                if self._life is not None and link is self._life.link:
                    self._hear(self._life, event)
            case LimitReached():
                self._limit_reached()

    def _want(self, info: ModelInfo) -> None:
        self._info = info
        if self._wished_at is None and self.state != READY:
            self._wished_at = self._now()

    def _take_back(self, answer: Answer) -> None:
        if answer in self._parked:
            self._parked.remove(answer)
        elif self._life is not None:
            self._life.take_back(answer)

    def _end(self, end: End) -> None:
        self._closing = self._closing or end.close
        error = problems.stopping() if end.why == "shutdown" else problems.unloaded(self.model)
        if self.state in (STARTING, READY):
            self._stop_process(end.why, error)
        else:
            self._fail_waiting(error)
            self._problem = None
        if end.down is not None:
            self._downs.append(end.down)
        if self.state == DOWN:
            self._settle_downs()

    def _limit_reached(self) -> None:
        limits = self._setup.limits
        match self.state:
            case "starting":
                greeted = self._life is not None and self._life.build is not None
                waited = limits.start_s if greeted else limits.hello_s
                self._process_failed(problems.start_timeout(self.model, waited))
            case "ready":
                self._process_failed(problems.stalled(self.model, limits.stall_s))
            case "stopping" if self._life is not None:
                self._logger.warning("did not end when asked to; killed")
                self._life.kill()

    # ---- what is wanted against what is ----

    def _advance(self, links: asyncio.TaskGroup) -> None:
        self._start_at = None
        if self.state == DOWN:
            if self._closing:
                self._move(CLOSED, "closed")
            elif self._is_asked_for() or self._comes_back_by_itself():
                self._start_when_allowed(links)
        elif self.state == READY and self._life is not None and self._is_asked_for():
            self._serve(self._life)

    def _is_asked_for(self) -> bool:
        return bool(self._parked) or any(not waiter.done() for waiter in self._waiters)

    def _comes_back_by_itself(self) -> bool:
        # What is wrong with a model file is still wrong at the next start.
        return self._keep_warm() and not isinstance(self._problem, ModelError)

    def _start_when_allowed(self, links: asyncio.TaskGroup) -> None:
        now = self._now()
        match decide_start(self._failures, now):
            case Refuse(retry_after):
                self._fail_waiting(problems.unavailable(self.model, self._problem, retry_after))
            case StartAt(at) if at > now:
                self._start_at = at
            case StartAt():
                self._start(links)

    def _start(self, links: asyncio.TaskGroup) -> None:
        link = Link(self._setup.argv, self._post_report, self._logger)
        self._life = Life(link, self._info, self._now())
        if self._failures.count:
            self._restarts += 1
        self._move(STARTING, "wanted")
        links.create_task(link.run(), name=f"worker process of {self.model}")

    def _post_report(self, link: Link, item: FromLink) -> None:
        self._inbox.put_nowait(Report(link, item))

    def _serve(self, life: Life) -> None:
        """Give the process all that waits for it, or replace it when its file is another now."""
        if not life.same_file(self._info):
            if not life.live:
                self._stop_process("replaced", None)
            return
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()
        while self._parked:
            life.ask(self._parked.popleft(), self._now())

    # ---- what the process says and does ----

    def _hear(self, life: Life, event: FromLink) -> None:
        match event:
            case Ended():
                self._process_ended(life, event)
            case _ if self.state == STOPPING:
                return
            case Babbled(error):
                self._process_failed(error)
            case Said(message):
                life.heard_at = self._now()
                try:
                    self._listen(life, message)
                except ProtocolError as error:
                    self._process_failed(error)

    def _listen(self, life: Life, message: FromWorker) -> None:
        """One message in its place; ProtocolError for one that is out of place."""
        match self.state, message:
            case "starting", Hello() if life.build is None:
                self._greet(life, message)
            case "starting", LoadProgress() if life.build is not None:
                self._progress(life, message.fraction)
            case "starting", Loaded() if life.build is not None:
                self._loaded(life, message.info)
            case "starting", LoadFailed() if life.build is not None:
                self._process_failed(message.error.error())
            case "ready", Finished():
                if message.id in life.live:
                    self._count(message)
                life.deliver(message)
            case "ready", Started() | Delta() | Failed():
                life.deliver(message)
            case "ready", Heartbeat():
                pass
            case _:
                raise ProtocolError(
                    f"The process of {self.model} said {type(message).__name__} out of turn."
                )

    def _greet(self, life: Life, hello: Hello) -> None:
        if hello.protocol != PROTOCOL_VERSION:
            raise ProtocolError(
                f"The process of {self.model} speaks version {hello.protocol} of the worker's"
                f" protocol and the daemon speaks {PROTOCOL_VERSION}.",
                hint="Hob was updated while it ran: restart it with `hob restart`.",
            )
        life.build = hello.build
        life.link.send(Load(path=life.info.path, options=self._setup.options))

    def _progress(self, life: Life, fraction: float) -> None:
        if fraction - life.fraction >= PROGRESS_STEP:
            life.fraction = min(fraction, 1.0)
            self._publish_loading(life.fraction)

    def _loaded(self, life: Life, loaded: LoadedInfo) -> None:
        life.loaded = loaded
        life.fraction = 1.0
        life.ready_at = self._now()
        self._problem = None
        self._move(READY, "loaded")

    def _count(self, finished: Finished) -> None:
        self._failures = Failures()
        self._answers += 1
        rate = finished.timings.tokens_per_second(finished.usage.completion_tokens)
        if rate > 0:
            self._rates.append(rate)

    def _process_ended(self, life: Life, ended: Ended) -> None:
        if self.state == STOPPING:
            self._life = None
            self._move(DOWN, self._stopping_why)
            return
        problem = self._explain(life, ended)
        again = [
            answer
            for answer in life.live.values()
            if may_ask_again(problem, heard=answer.heard, retried=answer.retried)
        ]
        for answer in again:
            answer.retried = True
            del life.live[answer.id]
        self._process_failed(problem, ended=True)
        self._parked.extend(again)

    def _explain(self, life: Life, ended: Ended) -> WorkerError:
        if ended.problem:
            return problems.not_started(self.model, ended.problem)
        doing = "while loading" if self.state == STARTING else "while idle"
        problem = problems.worker_died(
            self.model, ended.exit_code, "while answering" if life.live else doing
        )
        last_words = "\n  ".join(life.link.last_lines) or "(none)"
        self._logger.error("%s Its last words:\n  %s", problem.message, last_words)
        return problem

    def _process_failed(self, problem: HobError, *, ended: bool = False) -> None:
        """It ended by itself, or it must end because it is of no use."""
        life, now = self._life, self._now()
        assert life is not None
        ready_s = now - life.ready_at if life.ready_at is not None else 0.0
        self._failures = self._failures.another(now, ready_s)
        self._problem = problem
        if ended:
            self._move(DOWN, "failed", problem)
            self._life = None
        else:
            life.kill()
            self._move(STOPPING, "failed", problem)

    def _stop_process(self, why: Why, error: HobError | None) -> None:
        """End it in good order; a load is simply cut off, since there is nothing to save."""
        assert self._life is not None
        if self.state == STARTING:
            self._life.kill()
        else:
            self._life.end_orderly(self._now() + self._setup.limits.stop_s)
        self._move(STOPPING, why, error)

    # ---- moving ----

    def _move(self, new: WorkerState, why: Why, error: HobError | None = None) -> None:
        """The only way to another state: check, assign, tell, and settle who waited.

        `error` is for everyone who waits; without one they go on waiting for the next life.
        """
        check_move(self.state, new)
        old, self.state = self.state, new
        self._logger.debug("%s -> %s (%s)", old, new, why)
        if new == STOPPING:
            self._stopping_why = why
        self._announce(new, why, error, was_stopping=old == STOPPING)
        if error is not None:
            if self._life is not None:
                for answer in self._life.release():
                    answer.fail(error)
            self._fail_waiting(error)
        if new in (DOWN, CLOSED):
            self._settle_downs()
        self._on_move()

    def _announce(
        self, new: WorkerState, why: Why, error: HobError | None, *, was_stopping: bool
    ) -> None:
        publish, at = self._setup.publish, self._setup.clock()
        if new == STARTING:
            self._publish_loading(0.0)
        elif new == READY:
            load_s = self._now() - (self._wished_at or self._now())
            self._wished_at = None
            publish(ModelReady(at=at, model=self.model, load_s=load_s))
        elif why == "failed" and error is not None:
            self._logger.warning("%s", error)
            retry_s = self._retry_s()
            publish(
                ModelFailed(at=at, model=self.model, error=ErrorInfo.of(error), retry_s=retry_s)
            )
        elif was_stopping and why in ("asked", "idle", "room", "shutdown"):
            publish(ModelUnloaded(at=at, model=self.model, why=why))

    def _publish_loading(self, fraction: float) -> None:
        self._setup.publish(
            ModelLoading(at=self._setup.clock(), model=self.model, fraction=fraction)
        )

    def _retry_s(self) -> float | None:
        """Seconds until it is started again by itself, None when it is not."""
        if not self._comes_back_by_itself():
            return None
        now = self._now()
        match decide_start(self._failures, now):
            case StartAt(at):
                return at - now
            case Refuse():
                return None

    def _fail_waiting(self, error: HobError) -> None:
        while self._parked:
            self._parked.popleft().fail(error)
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(ErrorInfo.of(error).error())
        self._waiters.clear()
        self._wished_at = None

    def _settle_downs(self) -> None:
        for down in self._downs:
            if not down.done():
                down.set_result(None)
        self._downs.clear()

    def _settle_all(self, error: HobError) -> None:
        """The actor is gone, in good order or not: nobody may wait for it."""
        if self._life is not None:
            for answer in self._life.release():
                answer.fail(error)
        self._fail_waiting(error)
        self._settle_downs()

    def _refuse(self, item: Item) -> None:
        match item:
            case Ask(_, answer):
                answer.fail(problems.stopping())
            case Wish(_, ready) if ready is not None and not ready.done():
                ready.set_exception(problems.stopping())
            case End(_, down) if down is not None and not down.done():
                down.set_result(None)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    # ---- told to others ----

    @property
    def problem(self) -> HobError | None:
        return self._problem

    def status(self, *, chosen: bool, waiting: int, last_used: float | None) -> WorkerStatus:
        """`waiting` requests are not yet with this worker."""
        life = self._life
        warm_since = None
        if life is not None and life.ready_at is not None and self.state == READY:
            warm_since = self._setup.clock() - (self._now() - life.ready_at)
        return WorkerStatus(
            model=self.model,
            state=self.state,
            pid=life.link.pid if life else None,
            chosen=chosen,
            load_fraction=life.fraction if life else 0.0,
            warm_since=warm_since,
            last_used=last_used,
            live_requests=len(life.live) if life else 0,
            waiting_requests=waiting + len(self._parked),
            answers=self._answers,
            tokens_per_second=_median(self._rates),
            rss_bytes=_resident_bytes(life.link.pid) if life else None,
            loaded=life.loaded if life else None,
            build=life.build if life else None,
            restarts=self._restarts,
            problem=ErrorInfo.of(self._problem) if self._problem else None,
        )


def _median(values: Sequence[float]) -> float | None:
    if not values:
        return None
    ordered = sorted(values)
    middle = len(ordered) // 2
    return (ordered[middle] + ordered[~middle]) / 2


def _resident_bytes(pid: int | None) -> int | None:
    """None when the process is gone or hides it."""
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss) if pid is not None else None
    except psutil.Error:
        return None
