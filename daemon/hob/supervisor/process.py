"""One actor per model: a task owns the worker's state, everyone else posts to its inbox.

After each item `_advance` compares what is wanted with what is, and acts. There is no timer
while there is nothing to wait for: an idle worker costs no wakeups.

This module is long because the actor is one thing: who reads its state must see every message that
can change it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from hob.errors import HobError, ModelError, ProtocolError
from hob.supervisor import problems
from hob.supervisor.guard import check_files, is_guarded, take_stamps
from hob.supervisor.inbox import (
    Ask,
    Checked,
    End,
    Item,
    LimitReached,
    Rename,
    Report,
    Setup,
    Stamped,
    TakeBack,
    Wish,
    refuse,
)
from hob.supervisor.life import Life
from hob.supervisor.lifecycle import CLOSED, DOWN, READY, STARTING, STOPPING, check_move
from hob.supervisor.link import Babbled, Ended, FromLink, Link, Said
from hob.supervisor.policy import Failures, Refuse, StartAt, decide_start, may_ask_again
from hob.supervisor.record import Record
from hob.supervisor.told import Told, Why
from hob.supervisor.waiting import Waiting
from hob.wire.engine import (
    Failed,
    FromWorker,
    Heartbeat,
    Hello,
    Loaded,
    LoadedInfo,
    LoadFailed,
    LoadProgress,
    Returned,
)
from hob.wire.generate import Delta, Finished, Queued, Started
from hob.wire.models import ModelInfo
from hob.wire.status import WorkerState, WorkerStatus

# When a limit is noticed this late, the daemon itself was held up, and perhaps the worker with it
# (a suspended machine, a stopped process tree): the worker gets its time again.
HELD_UP_S = 5.0


class Worker:
    """The process of one model, whether it runs or not.

    `keep_warm` says whether it shall come back by itself; `on_move` is called after each move.
    `hopeless`: what was wrong at the last start is wrong at the next too, until the file changes
    or somebody asks for it. `load_s` is how long the last load took.
    """

    def __init__(
        self,
        info: ModelInfo,
        setup: Setup,
        *,
        keep_warm: Callable[[], bool],
        on_move: Callable[[], None],
    ) -> None:
        self.state: WorkerState = DOWN
        self.load_s = 0.0
        self.hopeless = False
        self._info = info
        self._setup = setup
        self._keep_warm = keep_warm
        self._on_move = on_move
        self._told = Told(info.name, setup)
        self._logger = logging.getLogger(f"hob.worker.{info.name}")
        self._inbox: asyncio.Queue[Item] = asyncio.Queue()
        self._accepts = True
        self._closing = False
        self._record = Record()
        self._waiting = Waiting()
        self._downs: list[asyncio.Future[None]] = []
        self._life: Life | None = None
        self._stopping_why: Why = "asked"
        self._wished_at: float | None = None
        self._start_at: float | None = None

    def post(self, item: Item) -> None:
        """Never waits. Once the actor has ended, the item is refused on the spot."""
        if isinstance(item, Ask | Wish):
            self.hopeless = False
        if self._accepts:
            self._inbox.put_nowait(item)
        else:
            refuse(item, problems.stopping())

    @property
    def model(self) -> str:
        return self._info.name

    @property
    def pid(self) -> int | None:
        return self._life.link.pid if self._life else None

    @property
    def loaded(self) -> LoadedInfo | None:
        """What the process has told of itself; None unless it is loaded."""
        return self._life.loaded if self._life else None

    @property
    def ready_at(self) -> float | None:
        """Since when it is ready, by the loop's clock; None unless it is."""
        return self._life.ready_at if self._life and self.state == READY else None

    @property
    def problem(self) -> HobError | None:
        """The last failure, while the worker is down because of it."""
        return self._record.problem

    def status(self, *, chosen: bool, waiting: int, last_used: float) -> WorkerStatus:
        """`waiting` requests are not yet with this worker."""
        warm_since = None
        if self.ready_at is not None:
            warm_since = self._setup.clock() - (_now() - self.ready_at)
        return self._record.status(
            self.model,
            self.state,
            self._life,
            chosen=chosen,
            waiting=waiting + len(self._waiting.answers),
            warm_since=warm_since,
            last_used=last_used,
        )

    # ---- the actor ----

    async def run(self) -> None:
        """Own the state until closed. Cancelling it kills the process."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                while self.state != CLOSED:
                    self._handle(await self._next_item())
                    self._advance()
        finally:
            # In good order or not: nobody may wait for an actor that is gone.
            self._accepts = False
            error = problems.stopping() if self._closing else problems.internal()
            self._fail_everyone(error)
            self._settle_downs()
            while not self._inbox.empty():
                refuse(self._inbox.get_nowait(), error)

    async def _next_item(self) -> Item:
        if not self._inbox.empty():
            return self._inbox.get_nowait()
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
        return life.deadline(self.state, limits)

    def _handle(self, item: Item) -> None:
        match item:
            case Ask(info, answer):
                self._want(info)
                self._waiting.answers.append(answer)
            case Wish(info, ready, forgive):
                self._want(info)
                if ready is not None:
                    self._waiting.add_ready(ready)
                if forgive:
                    self._record.failures = Failures()
            case TakeBack(answer):
                if not self._waiting.remove(answer) and self._life is not None:
                    self._life.take_back(answer)
            case End():
                self._end(item)
            case Rename(info):
                self._rename(info)
            case Report(link, event):
                if self._life is not None and link is self._life.link:
                    self._hear(self._life, event)
            case LimitReached():
                self._limit_reached()

    def _want(self, info: ModelInfo) -> None:
        self._info = info
        if self._wished_at is None and self.state != READY:
            self._wished_at = _now()

    def _end(self, end: End) -> None:
        self._closing = self._closing or end.close
        stopping = problems.stopping() if end.why == "shutdown" else problems.unloaded(self.model)
        error = end.error or stopping
        if self.state in (STARTING, READY):
            self._stop_process(end.why, error)
        else:
            self._fail_everyone(error)
            self._record.problem = None
        if end.down is not None:
            self._downs.append(end.down)
        if self.state == DOWN:
            self._settle_downs()

    def _rename(self, info: ModelInfo) -> None:
        self._info = info
        self._told.model = info.name
        self._logger = logging.getLogger(f"hob.worker.{info.name}")
        if (life := self._life) is None:
            return
        if self.state == STARTING and life.build is not None and not life.fraction:
            # It may not have opened the file yet, and will not find it where it was.
            self._stop_process("replaced", None)
        life.info = info
        if life.stamps is not None:
            self._tasks.create_task(take_stamps(life, self._setup, self._inbox.put_nowait))

    def _limit_reached(self) -> None:
        life, limits, deadline = self._life, self._setup.limits, self._deadline()
        if life is None or deadline is None:
            return  # it is time to start again, which _advance sees by itself
        if self.state != STOPPING and _now() - deadline > HELD_UP_S:
            life.heard_at = _now()
            return
        match self.state:
            case "starting":
                waited = limits.start_s if life.build else limits.hello_s
                self._process_failed(life, problems.start_timeout(self.model, waited))
            case "ready":
                self._process_failed(life, problems.stalled(self.model, limits.stall_s))
            case "stopping":
                self._logger.warning("did not end when asked to, so it is killed")
                life.kill()

    # ---- what is wanted against what is ----

    def _advance(self) -> None:
        self._start_at = None
        if self.state == DOWN:
            if self._closing:
                self._move(CLOSED, "closed")
            elif self._waiting or self._comes_back_by_itself():
                self._start_when_allowed()
        elif self.state == READY and self._life is not None and self._waiting:
            self._serve(self._life)

    def _comes_back_by_itself(self) -> bool:
        return self._keep_warm() and not self.hopeless

    def _start_when_allowed(self) -> None:
        now = _now()
        match decide_start(self._record.failures, now):
            case Refuse(retry_after):
                last = self._record.problem
                self._fail_everyone(problems.unavailable(self.model, last, retry_after))
            case StartAt(at) if at > now:
                self._start_at = at
            case StartAt():
                self._start()

    def _start(self) -> None:
        setup = self._setup
        link = Link(setup.spawn, setup.argv, self._post_report, self._logger)
        life = self._life = Life(link, self._info, _now())
        if self._record.failures.count:
            self._record.restarts += 1
        self._move(STARTING, "wanted")
        self._tasks.create_task(link.run(), name=f"worker process of {self.model}")
        self._tasks.create_task(take_stamps(life, self._setup, self._inbox.put_nowait))

    def _post_report(self, link: Link, item: FromLink) -> None:
        self._inbox.put_nowait(Report(link, item))

    def _serve(self, life: Life) -> None:
        """Give the process all that waits for it."""
        for ready in self._waiting.take_readies():
            ready.set_result(None)
        for answer in self._waiting.take_answers():
            life.ask(answer, _now())

    # ---- what the process says and does ----

    def _hear(self, life: Life, event: FromLink | Stamped | Checked) -> None:
        match event:
            case Ended():
                self._process_ended(life, event)
            case _ if self.state == STOPPING:
                pass  # what it was asked has been settled already
            case Stamped(stamps):
                life.stamps = stamps
            case Checked():
                self._checked(life, event)
            case Babbled(error):
                self._process_failed(life, error)
            case Said(message):
                life.heard_at = _now()
                try:
                    self._listen(life, message)
                except ProtocolError as error:
                    self._process_failed(life, error)

    def _listen(self, life: Life, message: FromWorker) -> None:
        """One message in its place. Raises ProtocolError for one that is out of place."""
        match self.state, message:
            case "starting", Hello() if life.build is None:
                self._greet(life, message)
            case "starting", LoadProgress() if life.build is not None:
                if life.progressed(message.fraction):
                    self._told.loading(life.fraction)
            case "starting", Loaded() if life.build is not None:
                life.is_loaded(message.info, _now())
                self._record.problem = None
                self.load_s = _now() - life.began_at
                self._move(READY, "loaded")
            case "starting", LoadFailed():
                self._process_failed(life, message.error.error())
            case "ready", Queued() | Started() | Delta() | Failed():
                life.deliver(message)
            case "ready", Finished() | Returned():
                self._hear_end(life, message)
            case "ready", Heartbeat():
                pass
            case _:
                raise ProtocolError(
                    f"The process of {self.model} said {type(message).__name__} out of turn.",
                    hint="Ask again: it is started anew.",
                )

    def _greet(self, life: Life, hello: Hello) -> None:
        try:
            options = self._setup.options(life.info)
        except ModelError as error:
            self._process_failed(life, error)
        else:
            life.greet(hello, options)

    def _hear_end(self, life: Life, message: Finished | Returned) -> None:
        if is_guarded(life, message):
            check = check_files(life, message, self._setup, self._inbox.put_nowait)
            self._tasks.create_task(check)
        else:
            self._deliver_end(life, message)

    def _deliver_end(self, life: Life, message: Finished | Returned) -> None:
        if message.id in life.live:
            self._record.answered(message)
        life.deliver(message)

    def _checked(self, life: Life, checked: Checked) -> None:
        if not checked.changed:
            self._deliver_end(life, checked.message)
            return
        # It comes back when the library has looked at the file, or when somebody asks for it.
        self.hopeless = True
        self._record.problem = error = problems.changed(self.model)
        self._stop_process("changed", error)

    def _process_ended(self, life: Life, ended: Ended) -> None:
        if self.state == STOPPING:
            self._life = None
            self._move(DOWN, self._stopping_why)
            return
        if life.link.last_lines:
            self._logger.error("its last words:\n  %s", "\n  ".join(life.link.last_lines))
        doing = life.doing(self.state)
        problem = problems.explain(self.model, ended, doing, self._setup.limits.stall_s)
        if life.is_loading(self.state) and problems.is_crash(ended.exit_code):
            self.hopeless = True
            self._setup.on_crash(life.info, problem)
        again = life.take_unheard(lambda heard, retried: may_ask_again(problem, heard, retried))
        self._process_failed(life, problem, ended=True)
        self._waiting.answers.extend(again)

    def _process_failed(self, life: Life, problem: HobError, *, ended: bool = False) -> None:
        """It ended by itself, or it must end because it is of no use."""
        now = _now()
        self._record.failed(problem, now, life.ready_s(now))
        self.hopeless = self.hopeless or isinstance(problem, ModelError)
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
            self._life.end_orderly(_now() + self._setup.limits.stop_s)
        self._move(STOPPING, why, error)

    # ---- moving ----

    def _move(self, new: WorkerState, why: Why, error: HobError | None = None) -> None:
        """The only way to another state: check, assign, tell, and settle who waited.

        `error` is for everyone who waits; without one they go on waiting for the next life.
        """
        old = self.state
        check_move(old, new)
        self.state = new
        self._logger.debug("%s -> %s (%s)", old, new, why)
        if new == STOPPING:
            self._stopping_why = why
        if error is not None:
            self._fail_everyone(error)
        if why == "failed" and error is not None:
            # A failure is told when it happens, not again when it is over.
            self._logger.error("%s", error)
            self._told.failed(error, self._retry_s())
        else:
            self._told.moved(old, new, why, self._waited_s())
        if new == READY:
            self._wished_at = None
        if new in (DOWN, CLOSED):
            self._settle_downs()
        self._on_move()

    def _waited_s(self) -> float:
        return _now() - self._wished_at if self._wished_at is not None else 0.0

    def _retry_s(self) -> float | None:
        """Seconds until it is started again by itself, None when it is not."""
        if not self._comes_back_by_itself():
            return None
        now = _now()
        decision = decide_start(self._record.failures, now)
        return decision.at - now if isinstance(decision, StartAt) else None

    def _fail_everyone(self, error: HobError) -> None:
        if self._life is not None:
            for answer in self._life.release():
                answer.fail(error)
        self._waiting.fail(error)
        self._wished_at = None

    def _settle_downs(self) -> None:
        for down in self._downs:
            if not down.done():
                down.set_result(None)
        self._downs.clear()


def _now() -> float:
    """The loop's clock, in seconds."""
    return asyncio.get_running_loop().time()
