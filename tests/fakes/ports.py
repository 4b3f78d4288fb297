"""The rest of the daemon as the API sees it: scripted, and without a model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from msgspec.structs import replace

from fakes.desk_port import FakeDesk
from fakes.downloads_port import FakeDownloads
from fakes.plugins_port import FakePlugins
from hob.api.services import Services
from hob.errors import HobError, ModelAmbiguous, ModelNotFound
from hob.wire.base import ErrorInfo
from hob.wire.calls import Call, CallResult
from hob.wire.events import Event
from hob.wire.fit import DeviceMemory, Fit, FitRequest, Need
from hob.wire.generate import (
    CallDelta,
    Delta,
    Finished,
    FinishReason,
    GenerateEvent,
    GenerateRequest,
    Started,
    Timings,
    TokenLogprob,
    TopLogprob,
    Usage,
)
from hob.wire.library import (
    AdoptableList,
    Adopted,
    ImportEvent,
    ImportRequest,
    Metadatum,
    ModelDetails,
    RecommendationList,
    Removed,
    TensorGroup,
    VerifyEvent,
)
from hob.wire.models import ModelEntry, ModelInfo
from hob.wire.profiles import NewProfile, Profile
from hob.wire.pulls import LoginReply
from hob.wire.status import ApiStatus, Status, TokenReply, WorkerStatus

# Text or more to send, a gate to wait for, a failure to raise, or a reason or more to end with.
# Deltas and ends are sent with the id of the request.
Step = str | asyncio.Event | Exception | FinishReason | Delta | Finished
T = TypeVar("T")

PROMPT_TOKENS = 7
CACHED_TOKENS = 3


def model_info(name: str) -> ModelInfo:
    return ModelInfo(name=name, path=f"/models/{name}.gguf", file_bytes=1, modified_at=1700000000.5)


def worker_status(model: str) -> WorkerStatus:
    return WorkerStatus(
        model=model,
        state="ready",
        pid=42,
        chosen=True,
        load_fraction=1.0,
        warm_since=1.0,
        last_used=None,
        live_requests=0,
        waiting_requests=0,
        answers=0,
        tokens_per_second=None,
        rss_bytes=None,
        loaded=None,
        build=None,
        restarts=0,
        problem=None,
    )


@dataclass
class FakeLibrary:
    models: list[ModelInfo] = field(default_factory=lambda: [model_info("tiny"), model_info("big")])
    rescans: int = 0
    warnings: list[ErrorInfo] = field(default_factory=list)
    forgiven: list[str] = field(default_factory=list)
    adapters: dict[str, str] = field(default_factory=dict)

    def infos(self) -> Sequence[ModelInfo]:
        return self.models

    def resolve(self, name: str) -> ModelInfo:
        found = [info for info in self.models if name in info.name]
        if len(found) > 1:
            raise ModelAmbiguous(f"{name!r} may mean several models.", param="model")
        if not found:
            raise ModelNotFound(f"There is no model {name}.", hint="`hob models`", param="model")
        if found[0].problem is not None:
            raise found[0].problem.error()
        return found[0]

    def resolve_adapter(self, name: str) -> str:
        if name not in self.adapters:
            raise ModelNotFound(f"There is no adapter {name}.", param="lora")
        return self.adapters[name]

    async def rescan(self) -> None:
        self.rescans += 1

    @property
    def folders(self) -> Sequence[Path]:
        return (Path("/models"), Path("/more"))

    def forgive(self, name: str) -> ModelInfo:
        self.forgiven.append(name)
        found = next((info for info in self.models if name in info.name), None)
        if found is None:
            raise ModelNotFound(f"There is no model {name}.", hint="`hob models`", param="model")
        return found


@dataclass
class FakeProfiles:
    known: dict[str, Profile] = field(default_factory=dict)
    problem: HobError | None = None

    def profile(self, name: str) -> Profile | None:
        return self.known.get(name)

    def profiles(self) -> Sequence[Profile]:
        return tuple(self.known.values())

    async def create(self, wanted: NewProfile) -> Profile:
        if self.problem is not None:
            raise self.problem
        made = Profile(
            name=wanted.name,
            model=wanted.model,
            system=wanted.system,
            path=f"/models/{wanted.name}.toml",
        )
        self.known[wanted.name] = made
        return made


@dataclass
class FakeModels:
    """Answers every request by `steps`, or by `steps_of[index]` for the request of that index.

    A Started goes before and a Finished after, unless a step raises or ends. `before` happens
    while the caller is still entering. `results` are what calls return, one after the other; a
    gate among them is waited for. `live` counts the requests that have not been left.
    """

    library: FakeLibrary
    chosen: str = "tiny"
    steps: list[Step] = field(default_factory=lambda: list[Step](["Hello", " world"]))
    steps_of: dict[int, list[Step]] = field(default_factory=dict)
    before: list[Step] = field(default_factory=list)
    starts: bool = True
    ends: bool = True
    requests: list[GenerateRequest] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    kept: list[float | None] = field(default_factory=list)
    live: int = 0
    entered: asyncio.Event = field(default_factory=asyncio.Event)
    sent: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    used: list[str] = field(default_factory=list)
    problem: HobError | None = None
    calls: list[Call] = field(default_factory=list)
    results: list[CallResult | asyncio.Event] = field(default_factory=list)

    def entries(self) -> Sequence[ModelEntry]:
        return [
            ModelEntry(
                info=info,
                state="bad" if info.problem else "available",
                chosen=info.name == self.chosen,
            )
            for info in self.library.models
        ]

    def workers(self) -> Sequence[WorkerStatus]:
        return [worker_status(self.chosen)]

    async def load(self, name: str) -> WorkerStatus:
        return self._done("load", name)

    async def cancel(self, name: str) -> bool:
        self._done("cancel", name)
        return True

    async def unload(self, name: str) -> None:
        self._done("unload", name)

    async def use(self, name: str) -> WorkerStatus:
        return self._done("use", name)

    async def keep(self, name: str, for_s: float | None) -> WorkerStatus:
        return replace(self._done(f"keep for {for_s}", name), keep_for_s=for_s)

    def _done(self, what: str, name: str) -> WorkerStatus:
        if self.problem is not None:
            raise self.problem
        self.used.append(f"{what} {name}")
        return worker_status(name)

    @asynccontextmanager
    async def generate(
        self, model: str, request: GenerateRequest, *, keep_alive: float | None = None
    ) -> AsyncIterator[AsyncIterator[GenerateEvent]]:
        index = len(self.requests)
        self.requests.append(request)
        self.asked.append(model)
        self.kept.append(keep_alive)
        self.live += 1
        self.entered.set()
        try:
            for step in self.before:
                await _pass(step)
            yield self._events(request, self.steps_of.get(index, self.steps))
        finally:
            self.live -= 1
            if not self.live:
                self.left.set()

    async def call(self, model: str, call: Call, *, keep_alive: float | None = None) -> CallResult:
        self.asked.append(model)
        self.kept.append(keep_alive)
        self.calls.append(call)
        self.live += 1
        self.entered.set()
        try:
            if self.problem is not None:
                raise self.problem
            while isinstance(result := self.results.pop(0), asyncio.Event):
                await result.wait()
            return result
        finally:
            self.live -= 1
            if not self.live:
                self.left.set()

    async def _events(
        self, request: GenerateRequest, steps: list[Step]
    ) -> AsyncIterator[GenerateEvent]:
        if self.starts:
            yield Started(id=request.id, prompt_tokens=PROMPT_TOKENS, cached_tokens=CACHED_TOKENS)
            self.sent.set()
        end: Finished | None = None
        reason: FinishReason = "stop"
        texts = 0
        for step in steps:
            if step in ("stop", "length", "tool_calls", "cancelled"):
                reason = step
                break
            if isinstance(step, (str, Delta)):
                texts += 1
                yield (
                    delta(text=step, id=request.id)
                    if isinstance(step, str)
                    else replace(step, id=request.id)
                )
                self.sent.set()
            elif isinstance(step, Finished):
                end = replace(step, id=request.id)
            else:
                await _pass(step)
        if self.ends:
            yield end or finished(request.id, texts, reason)


async def _pass(step: Step) -> None:
    if isinstance(step, Exception):
        raise step
    if isinstance(step, asyncio.Event):
        await step.wait()


def delta(
    text: str = "",
    *,
    reasoning: str = "",
    calls: tuple[CallDelta, ...] = (),
    logprobs: tuple[TokenLogprob, ...] = (),
    id: str = "",
) -> Delta:
    return Delta(id=id, text=text, reasoning=reasoning, calls=calls, logprobs=logprobs)


def token(
    piece: bytes | str, logprob: float | None, top: dict[str, float] | None = None
) -> TokenLogprob:
    """A token that came with that probability; `top` holds the likeliest in its place."""
    others = (
        TopLogprob(token=0, piece=text.encode(), logprob=value)
        for text, value in (top or {}).items()
    )
    data = piece.encode() if isinstance(piece, str) else piece
    return TokenLogprob(token=0, piece=data, logprob=logprob, top=tuple(others))


def finished(id_: str, tokens: int, reason: FinishReason = "stop") -> Finished:
    return Finished(
        id=id_,
        reason=reason,
        usage=Usage(
            prompt_tokens=PROMPT_TOKENS, completion_tokens=tokens, cached_tokens=CACHED_TOKENS
        ),
        timings=Timings(queued_s=0.5, prefill_s=0.25, decode_s=2.0),
    )


class FakeFits:
    """Every model fits into main memory; `asked` are the requests."""

    def __init__(self) -> None:
        self.asked: list[FitRequest] = []

    def explain(self, request: FitRequest) -> Fit:
        self.asked.append(request)
        return Fit(
            model=request.model,
            verdict="cpu",
            context_length=request.context_length or 4096,
            whole_context_length=8192,
            kv_type=request.kv_type or "f16",
            gpu_layers=0,
            layers=30,
            needs=(Need(device="cpu", weight_bytes=100, kv_bytes=20),),
            devices=(DeviceMemory(name="cpu", total_bytes=1000, free_bytes=500),),
        )


@dataclass
class FakeInspector:
    """Knows of every model that it has a template."""

    async def details(self, entry: ModelEntry) -> ModelDetails:
        return ModelDetails(
            entry=entry,
            metadata=(Metadatum("general.architecture", "string", "llama"),),
            tensors=(TensorGroup("F16", 1, 2, 4),),
            template="{{ messages }}",
            sha256="",
            digest_from="",
            fit=None,
            profile=None,
        )


@dataclass
class FakeCare:
    """Does nothing and notes it; a gate among the events is waited for."""

    done: list[str] = field(default_factory=list)
    problem: HobError | None = None
    verify_events: list[VerifyEvent | asyncio.Event] = field(default_factory=list)
    import_events: list[ImportEvent] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def remove(self, name: str, *, for_good: bool = False) -> Removed:
        self._note(f"rm {name} {for_good}")
        return Removed(model=name, files=(f"/models/{name}.gguf",), trash=True, freed_bytes=0)

    async def rename(self, name: str, to: str) -> ModelInfo:
        self._note(f"rename {name} {to}")
        return model_info(to)

    async def alias(self, alias: str, name: str) -> str:
        self._note(f"alias {alias} {name}")
        return name

    async def verify(self, name: str, *, online: bool = False) -> AsyncIterator[VerifyEvent]:
        self.done.append(f"verify {name} {online}")
        try:
            for event in self.verify_events:
                if isinstance(event, asyncio.Event):
                    await event.wait()
                else:
                    yield event
        finally:
            self.closed.set()

    async def take_in(self, request: ImportRequest) -> AsyncIterator[ImportEvent]:
        self.done.append(f"import {request.path} {request.how}")
        for event in self.import_events:
            yield event

    def _note(self, what: str) -> None:
        if self.problem is not None:
            raise self.problem
        self.done.append(what)


@dataclass
class FakeAdoption:
    adopted: list[tuple[str, ...]] = field(default_factory=list)

    async def adoptable(self) -> AdoptableList:
        return AdoptableList(models=())

    async def adopt(self, wanted: Sequence[str]) -> Adopted:
        self.adopted.append(tuple(wanted))
        return Adopted(models=(model_info("linked"),), failed={})


@dataclass
class FakeCatalog:
    async def recommendations(self, *, every: bool = False) -> RecommendationList:
        return RecommendationList(dated="every" if every else "some", models=())


@dataclass
class FakeFacts:
    """What is put into `facts` is told to the one subscriber; None ends it."""

    facts: asyncio.Queue[Event | None] = field(default_factory=asyncio.Queue)
    subscribed: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[AsyncIterator[Event]]:
        self.subscribed.set()
        try:
            yield self._told()
        finally:
            self.left.set()

    async def _told(self) -> AsyncIterator[Event]:
        while (fact := await self.facts.get()) is not None:
            yield fact


@dataclass
class FakeDaemon:
    stopping: bool = False
    stop_requests: int = 0
    problem: Exception | None = None

    def status(self) -> Status:
        if self.problem is not None:
            raise self.problem
        return Status(
            version="0.0",
            pid=1,
            started_at=1.0,
            stopping=self.stopping,
            home="/home/hob",
            log_file="/home/hob/hob.log",
            chosen="tiny",
            model_count=2,
            models_folder="/models",
            workers=(worker_status("tiny"),),
            api=ApiStatus(socket="/run/hob.sock", address="", problem=None),
            rss_bytes=1,
        )

    def request_stop(self) -> None:
        self.stop_requests += 1
        self.stopping = True


@dataclass
class FakeAccess:
    calls: list[str] = field(default_factory=list)
    problem: HobError | None = None

    def status(self) -> ApiStatus:
        return ApiStatus(socket="/run/hob.sock", address="", problem=None)

    async def enable(self, port: int | None, allow_file: bool) -> ApiStatus:
        if self.problem is not None:
            raise self.problem
        self.calls.append(f"enable {port} {allow_file}")
        return ApiStatus(
            socket="/run/hob.sock", address=f"http://127.0.0.1:{port or 4662}", problem=None
        )

    async def disable(self) -> ApiStatus:
        self.calls.append("disable")
        return self.status()

    async def token(self, rotate: bool = False) -> TokenReply:
        if self.problem is not None:
            raise self.problem
        self.calls.append("rotate" if rotate else "token")
        return TokenReply(token="secret", where="keyring", address="")


@dataclass
class FakeHubAccess:
    tokens: list[str] = field(default_factory=list)
    problem: HobError | None = None

    async def login(self, token: str) -> LoginReply:
        if self.problem is not None:
            raise self.problem
        self.tokens.append(token)
        return LoginReply(name="ada")

    async def logout(self) -> LoginReply:
        self.tokens.clear()
        return LoginReply(name="")


@dataclass
class Fakes:
    library: FakeLibrary
    models: FakeModels
    facts: FakeFacts
    daemon: FakeDaemon
    access: FakeAccess
    pulls: FakeDownloads
    hub: FakeHubAccess
    inspector: FakeInspector
    profiles: FakeProfiles = field(default_factory=FakeProfiles)
    fits: FakeFits = field(default_factory=FakeFits)
    care: FakeCare = field(default_factory=FakeCare)
    adoption: FakeAdoption = field(default_factory=FakeAdoption)
    catalog: FakeCatalog = field(default_factory=FakeCatalog)
    plugins: FakePlugins = field(default_factory=FakePlugins)
    desk: FakeDesk = field(default_factory=FakeDesk)

    @classmethod
    def make(cls) -> Fakes:
        library = FakeLibrary()
        return cls(
            library,
            FakeModels(library),
            FakeFacts(),
            FakeDaemon(),
            FakeAccess(),
            FakeDownloads(),
            FakeHubAccess(),
            FakeInspector(),
        )

    def services(self) -> Services:
        return Services(
            library=self.library,
            models=self.models,
            facts=self.facts,
            daemon=self.daemon,
            access=self.access,
            pulls=self.pulls,
            hub=self.hub,
            inspector=self.inspector,
            fits=self.fits,
            profiles=self.profiles,
            care=self.care,
            adoption=self.adoption,
            catalog=self.catalog,
            plugins=self.plugins,
            desk=self.desk,
        )
