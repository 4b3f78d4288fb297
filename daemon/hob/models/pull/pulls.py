"""The downloads: which there are, whose turn it is, and what becomes of them."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import shutil
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hob.errors import (
    Cancelled,
    HobError,
    InvalidRequest,
    ModelNotFound,
    Overloaded,
    ShuttingDown,
)
from hob.models.names import echo
from hob.models.pull import record
from hob.models.pull.child import HubChild
from hob.models.pull.job import Job
from hob.models.pull.orders import (
    PARTIAL_FOLDER,
    Account,
    AccountOrder,
    Fetched,
    Found,
    Limits,
    Listed,
    ListOrder,
    Order,
    PullOrder,
    SearchOrder,
    Task,
)
from hob.models.pull.source import HubSource, Starter, WebSource, parse_source
from hob.wire.base import ErrorInfo
from hob.wire.events import PullChanged
from hob.wire.models import ModelInfo
from hob.wire.pulls import (
    PullDone,
    PullEntry,
    PullEvent,
    PullFailed,
    PullProgress,
    PullState,
    SearchReply,
)

_log = logging.getLogger(__name__)

AT_ONCE = 2
_MOST_UNFINISHED = 100
_MOST_FINISHED = 50
_TELL_EVERY_S = 1.0
_ANSWER_LIMIT_S = 60.0
_MOST_FOUND = 50
_LONGEST_SEARCH = 200


@dataclass(frozen=True)
class PullOptions:
    """`folder` is where models go, `hub` the hub's address, `record` the file that remembers."""

    folder: Path
    hub: str
    record: Path
    limits: Limits = field(default_factory=Limits)


class Pulls:
    """Fetches models; fits ports.Downloads. Made and run on one event loop.

    `token` gives the hub's token, empty for none. `rescan` reads the folders again, and `at_path`
    is the model at a path then. `note_digest(path, sha256, source)` is told what is proven.
    """

    def __init__(
        self,
        options: PullOptions,
        *,
        rescan: Callable[[], Awaitable[None]],
        at_path: Callable[[str], ModelInfo | None],
        note_digest: Callable[[str, str, str], None],
        publish: Callable[[PullChanged], None],
        token: Callable[[], Awaitable[str]],
        child: HubChild | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._options = options
        self._rescan = rescan
        self._at_path = at_path
        self._note_digest = note_digest
        self._publish = publish
        self._token = token
        self._child = child or HubChild()
        self._clock = clock
        self._jobs: dict[str, Job] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._changed = asyncio.Event()
        self._started = asyncio.Event()
        self._ended = False
        self._tasks: asyncio.TaskGroup

    # ---- its life ----

    async def restore(self) -> None:
        """Remember what an earlier life did not finish; before anybody asks."""
        for entry in await asyncio.to_thread(record.load, self._options.record):
            job = Job(entry.id, entry.source, detached=True, state=entry.state, error=entry.error)
            self._jobs[entry.id] = job

    async def run(self) -> None:
        """Go on with what was not finished, and work until cancelled; no child outlives that."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                for job in self._jobs.values():
                    if job.unfinished:
                        self._begin(job)
                self._started.set()
                while True:
                    await self._changed.wait()
                    await self._remember()
        finally:
            self._ended = True
            await self._remember()

    async def _remember(self) -> None:
        self._changed.clear()
        kept = tuple(job.remembered() for job in self._jobs.values() if job.state != "done")
        loop = asyncio.get_running_loop()
        saving = loop.run_in_executor(None, record.save, self._options.record, kept)
        try:
            await asyncio.shield(saving)
        except OSError as error:
            _log.warning("the downloads cannot be remembered: %s", error)
        except asyncio.CancelledError:
            # Else the last save, which follows, could be overtaken by this one.
            await asyncio.wait({saving})
            if problem := saving.exception():
                _log.warning("the downloads cannot be remembered: %s", problem)
            raise

    # ---- ports.Downloads ----

    def entries(self) -> Sequence[PullEntry]:
        """Every download that is known, the oldest first."""
        return [job.entry() for job in self._jobs.values()]

    async def pull(self, source: str) -> AsyncGenerator[PullEvent, None]:
        """Fetch a model, or follow the download of it that goes on. Problems come as PullFailed.

        When the last follower leaves the iterator the download stops, unless it was begun with
        `start`; what was fetched is kept for the next time.
        """
        try:
            job = await self._enter(source, detached=False)
        except HobError as error:
            yield PullFailed(error=ErrorInfo.of(error))
            return
        events: asyncio.Queue[PullEvent] = asyncio.Queue()
        job.followers.append(events)
        try:
            if job.progress is not None:
                yield job.progress
            while True:
                event = await events.get()
                yield event
                if not isinstance(event, PullProgress):
                    return
        finally:
            job.followers.remove(events)
            if job.unfinished and not job.followers and not job.detached:
                self._stop(job)

    async def start(self, source: str) -> PullEntry:
        """Begin to fetch a model, whoever listens. Raises InvalidRequest or Overloaded."""
        return (await self._enter(source, detached=True)).entry()

    async def cancel(self, id: str, discard: bool) -> PullEntry:
        """Stop a download; `discard` also forgets it and what it has fetched so far.

        Raises InvalidRequest.
        """
        job = self._known(id)
        if job.unfinished:
            self._stop(job)
        if job.task is not None:
            await asyncio.wait({job.task})
        if discard and not job.unfinished:
            self._jobs.pop(id, None)
            self._changed.set()
            partials = self._options.folder / PARTIAL_FOLDER / job.id
            await asyncio.to_thread(shutil.rmtree, partials, ignore_errors=True)
        return job.entry()

    async def resume(self, id: str) -> PullEntry:
        """Go on with a download that has failed or was stopped. Raises InvalidRequest."""
        job = self._known(id)
        return job.entry() if job.state == "done" else await self.start(job.source)

    async def search(self, text: str, limit: int) -> SearchReply:
        """Repositories of the hub. Raises InvalidRequest or DownloadError."""
        text = text.strip()
        if not text or len(text) > _LONGEST_SEARCH or not text.isprintable():
            raise InvalidRequest(
                f"{echo(text)} cannot be searched for.",
                hint=f"Give a few words, up to {_LONGEST_SEARCH} characters.",
                param="text",
            )
        if not 1 <= limit <= _MOST_FOUND:
            raise InvalidRequest(f"The limit is not from 1 to {_MOST_FOUND}.", param="limit")
        order = self._order(SearchOrder(text=text, limit=limit), await self._token())
        found = await self._child.run(order, Found, limit_s=_ANSWER_LIMIT_S)
        return SearchReply(models=found.models)

    async def list_files(self, repo: str) -> Mapping[str, str]:
        """The SHA-256 of each file of a repository of the hub, by its path there. Raises
        InvalidRequest or DownloadError."""
        source = parse_source(f"hf:{repo}", self._options.hub)
        assert isinstance(source, HubSource)
        order = self._order(ListOrder(repo=source.repo), await self._token())
        return (await self._child.run(order, Listed, limit_s=_ANSWER_LIMIT_S)).digests

    async def account(self, token: str) -> str:
        """The name of the hub's account that `token` belongs to. Raises DownloadError."""
        order = self._order(AccountOrder(), token)
        return (await self._child.run(order, Account, limit_s=_ANSWER_LIMIT_S)).name

    # ---- the work ----

    async def _enter(self, text: str, detached: bool) -> Job:
        """The download of that source, which goes on from here."""
        source = parse_source(text, self._options.hub).text
        await self._started.wait()
        if self._ended:
            raise ShuttingDown("Hob is stopping and begins no download.")
        id = hashlib.sha256(source.encode()).hexdigest()[:8]
        job = self._jobs.get(id)
        if job is None:
            if sum(job.unfinished for job in self._jobs.values()) >= _MOST_UNFINISHED:
                raise Overloaded(
                    f"{_MOST_UNFINISHED} downloads are waiting already.",
                    hint="`hob models pulls` lists them; wait for one, or cancel one.",
                )
            job = self._jobs[id] = Job(id, source, detached)
            self._forget_old()
            self._begin(job)
        elif not job.unfinished:
            job.detached = detached
            self._begin(job)
        job.detached = job.detached or detached
        return job

    def _begin(self, job: Job) -> None:
        job.error, job.progress, job.model = None, None, ""
        self._move(job, "waiting")
        job.task = self._tasks.create_task(self._work(job, job.task), name=f"pull {job.id}")

    def _stop(self, job: Job) -> None:
        self._move(job, "cancelled")
        if job.task is not None:
            job.task.cancel()
        job.tell(
            PullFailed(
                error=ErrorInfo(
                    code=Cancelled.code,
                    message="The download was stopped; what was fetched is kept.",
                    hint=f"`hob models pull {job.source}` goes on from there.",
                )
            )
        )

    async def _work(self, job: Job, before: asyncio.Task[None] | None) -> None:
        try:
            if before is not None:  # whose child may still be ending, with the file in its hands
                await asyncio.wait({before})
            async with self._turns:
                self._move(job, "running")
                done = await self._fetch(job)
        except HobError as error:
            self._fail(job, error)
        except asyncio.CancelledError:
            if job.unfinished and job.task is asyncio.current_task():
                ending = ShuttingDown("Hob is stopping; the download goes on when it is back.")
                job.tell(PullFailed(error=ErrorInfo.of(ending)))
            raise
        except Exception:
            _log.exception("the download of %s failed", job.source)
            self._fail(job, HobError("The download failed.", hint="`hob logs` shows why."))
        else:
            if job.state == "running":
                job.model = done.model.name
                self._move(job, "done")
                job.tell(done)

    def _fail(self, job: Job, error: HobError) -> None:
        if job.state == "running":  # and was not stopped or begun anew meanwhile
            job.error = ErrorInfo.of(error)
            self._move(job, "failed")
            job.tell(PullFailed(error=job.error))

    async def _fetch(self, job: Job) -> PullDone:
        source = parse_source(job.source, self._options.hub)
        # A keyring is not asked for what the hub has no part in.
        token = "" if isinstance(source, Starter | WebSource) else await self._token()
        task = PullOrder(id=job.id, source=job.source, folder=str(self._options.folder))

        def report(progress: PullProgress) -> None:
            job.come_on(progress)
            if job.clock() - job.told_at >= _TELL_EVERY_S:
                self._tell(job)

        fetched = await self._child.run(self._order(task, token), Fetched, report)
        for file in fetched.files:
            if file.sha256:
                self._note_digest(file.path, file.sha256, fetched.source)
        await self._rescan()
        info = self._at_path(fetched.files[0].path)
        if info is None:
            raise ModelNotFound(
                "The model was fetched, and its file is gone again.",
                hint="Look for what removes files from the models folder, and try again.",
            )
        return PullDone(model=info, already_there=fetched.already_there)

    def _order(self, task: Task, token: str) -> Order:
        return Order(task=task, hub=self._options.hub, token=token, limits=self._options.limits)

    def _move(self, job: Job, state: PullState) -> None:
        job.state = state
        self._changed.set()
        self._tell(job)

    def _tell(self, job: Job) -> None:
        job.told_at = job.clock()
        self._publish(PullChanged(at=self._clock(), pull=job.entry()))

    def _known(self, id: str) -> Job:
        if id not in self._jobs:
            raise InvalidRequest(
                f"There is no download {echo(id)}.",
                hint="`hob models pulls` lists them.",
                param="id",
            )
        return self._jobs[id]

    def _forget_old(self) -> None:
        """What ended long ago; what lies half-fetched on the disk for it is found again by the same
        source."""
        ended = [job for job in self._jobs.values() if not job.unfinished]
        for job in ended[: max(len(ended) - _MOST_FINISHED, 0)]:
            del self._jobs[job.id]
