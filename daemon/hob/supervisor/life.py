"""One life of a worker's process: what it was given, what it said, and what it is answering."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from hob.errors import InvalidRequest, ProtocolError
from hob.supervisor.answer import Answer
from hob.supervisor.lifecycle import STARTING
from hob.supervisor.limits import Limits
from hob.supervisor.link import Link
from hob.supervisor.stamps import Stamps
from hob.wire.engine import (
    PROTOCOL_VERSION,
    Ask,
    BuildInfo,
    Cancel,
    Failed,
    Generate,
    Hello,
    Load,
    LoadedInfo,
    LoadOptions,
    Returned,
    Stop,
)
from hob.wire.generate import Delta, Finished, GenerateRequest, Queued, Started
from hob.wire.models import ModelInfo
from hob.wire.status import WorkerState

PROGRESS_STEP = 0.01


class Life:
    """Owned by the worker's actor, from the start of the process to its end.

    `heard_at` is when the process last showed a sign of life, or was given the first work after
    a silence; `kill_at` is when an orderly end has taken too long. All by the loop's clock.
    `stamps` are its files as they were when it started, None until that is known.
    """

    def __init__(self, link: Link, info: ModelInfo, now: float) -> None:
        self.link = link
        self.info = info
        self.began_at = now
        self.heard_at = now
        self.stamps: Stamps | None = None
        self.build: BuildInfo | None = None
        self.loaded: LoadedInfo | None = None
        self.fraction = 0.0
        self.ready_at: float | None = None
        self.kill_at: float | None = None
        self.live: dict[str, Answer] = {}
        self._taken_back: set[str] = set()

    def deadline(self, state: WorkerState, limits: Limits) -> float | None:
        """When patience ends in that state; None where there is nothing to wait for."""
        match state:
            case "starting":
                return self.heard_at + (limits.start_s if self.build else limits.hello_s)
            case "ready" if self.live:
                return self.heard_at + limits.stall_s
            case "stopping":
                return self.kill_at
        return None

    def is_loading(self, state: WorkerState) -> bool:
        """Whether it has been told to load the file, and is not done with it."""
        return state == STARTING and self.build is not None

    def doing(self, state: WorkerState) -> str:
        """What it is at, as the end of a sentence."""
        if self.live:
            return "while answering"
        return "while loading" if state == STARTING else "while idle"

    def greet(self, hello: Hello, options: LoadOptions) -> None:
        """Ask it to load the file. Raises ProtocolError when it speaks another version."""
        if hello.protocol != PROTOCOL_VERSION:
            raise ProtocolError(
                f"The process of {self.info.name} speaks version {hello.protocol} of the worker's"
                f" protocol and the daemon speaks {PROTOCOL_VERSION}: they cannot work together.",
                hint="Hob was updated while it ran: restart it with `hob restart`.",
            )
        self.build = hello.build
        if self.info.projector and not options.projector:
            options = msgspec.structs.replace(options, projector=self.info.projector)
        self.link.send(Load(path=self.info.path, options=options))

    def progressed(self, fraction: float) -> bool:
        """Whether the load has come on far enough to be worth telling."""
        if fraction - self.fraction < PROGRESS_STEP:
            return False
        self.fraction = min(fraction, 1.0)
        return True

    def is_loaded(self, loaded: LoadedInfo, now: float) -> None:
        self.loaded = loaded
        self.fraction = 1.0
        self.ready_at = now

    def ready_s(self, now: float) -> float:
        """For how long it has been ready."""
        return now - self.ready_at if self.ready_at is not None else 0.0

    def ask(self, answer: Answer, now: float) -> None:
        if answer.id in self.live:
            answer.fail(InvalidRequest(f"A request with the id {answer.id} is being answered."))
            return
        request = answer.request
        try:
            if isinstance(request, GenerateRequest):
                self.link.send(Generate(request=request))
            else:
                self.link.send(Ask(call=request))
        except ProtocolError as error:
            # It is over what one frame may hold, which is no fault of the process.
            answer.fail(InvalidRequest(error.message, hint="Send less text."))
            return
        if not self.live:
            self.heard_at = now
        self.live[answer.id] = answer
        answer.open()

    def take_back(self, answer: Answer) -> None:
        """Forget the request; what still comes for it is dropped."""
        if self.live.get(answer.id) is answer:
            del self.live[answer.id]
            self._taken_back.add(answer.id)
            self.link.send(Cancel(id=answer.id))

    def deliver(self, message: Queued | Started | Delta | Finished | Returned | Failed) -> None:
        """To whoever asked, unless they have left. Raises ProtocolError for text without end, and
        for the answer to another question."""
        if message.id in self._taken_back:
            # It may be asked again by the same id: the first end is of what was taken back.
            if isinstance(message, Finished | Returned | Failed):
                self._taken_back.discard(message.id)
            return
        answer = self.live.get(message.id)
        if answer is None:
            return
        match message:
            case Queued():
                answer.queue(message)
            case Started() | Delta():
                answer.push(message)
            case Finished() | Returned():
                answer.finish(message)
                del self.live[message.id]
            case Failed():
                del self.live[message.id]
                answer.fail(message.error.error())

    @property
    def queued(self) -> int:
        """How many of the live requests wait for a slot of the process."""
        return sum(answer.place is not None for answer in self.live.values())

    def release(self) -> list[Answer]:
        """The answers under way, which are no longer this process's business."""
        answers = list(self.live.values())
        self.live.clear()
        return answers

    def take_unheard(self, may_take: Callable[[bool, bool], bool]) -> list[Answer]:
        """The answers that may be asked of the next process, by (heard, retried)."""
        taken = [answer for answer in self.live.values() if may_take(answer.heard, answer.retried)]
        for answer in taken:
            answer.retried = True
            answer.place = None
            del self.live[answer.id]
        return taken

    def end_orderly(self, kill_at: float) -> None:
        for request_id in self.live:
            self.link.send(Cancel(id=request_id))
        self.link.send(Stop())
        self.kill_at = kill_at

    def kill(self) -> None:
        self.kill_at = None
        self.link.kill()
