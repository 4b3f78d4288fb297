"""The parts around a window, without a daemon, a clipboard or notices."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

from hob.client import Client
from hob.desktop.parts import Parts
from hob.desktop.view import DaemonView
from hob.errors import HobError
from hob.wire.base import ErrorInfo
from hob.wire.desktop import Clip, NewRecent
from hob.wire.generate import ChatMessage
from hob.wire.models import Capability, ModelEntry, ModelInfo
from hob.wire.plugins import ActionEvent, ActionRequest
from hob.wire.status import ApiStatus, Status

T = TypeVar("T")


class FakeStream:
    """Pieces of an answer; a HobError among them is raised where it stands."""

    def __init__(self, pieces: Sequence[Any], on_thought: Callable[[str], None] | None) -> None:
        self._pieces = pieces
        self._on_thought = on_thought
        self.context_full = False
        self.finish_reason = "stop"
        self.model = "tiny"
        self.timings = None
        self.usage = None
        self.interrupted = False

    def __enter__(self) -> FakeStream:
        return self

    def __exit__(self, *_: object) -> None:
        """It is over."""

    def interrupt(self) -> None:
        self.interrupted = True

    def __iter__(self) -> Iterator[Any]:
        for piece in self._pieces:
            if isinstance(piece, HobError):
                raise piece
            if isinstance(piece, Thought) and self._on_thought is not None:
                self._on_thought(piece.text)
                continue
            yield piece


@dataclass(frozen=True)
class Thought:
    """What a model thinks, as a piece of a script."""

    text: str


@dataclass
class FakeClient:
    """Answers from a script: one list of pieces for each question, the last for all others."""

    answers: list[Sequence[Any]] = field(default_factory=lambda: [["Yes."]])
    runs: list[Sequence[ActionEvent]] = field(default_factory=list)
    asked: list[tuple[list[ChatMessage], str]] = field(default_factory=list)
    requests: list[ActionRequest] = field(default_factory=list)
    prefilled: list[list[ChatMessage]] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)
    recent: list[NewRecent] = field(default_factory=list)
    pulled: list[str] = field(default_factory=list)
    pulls: list[Any] = field(default_factory=list)

    def chat(
        self,
        messages: Sequence[ChatMessage],
        *,
        model: str = "",
        on_thought: Callable[[str], None] | None = None,
        **_: object,
    ) -> FakeStream:
        self.asked.append((list(messages), model))
        pieces = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if pieces and isinstance(pieces[0], HobError) and len(pieces) == 1:
            raise pieces[0]
        return FakeStream(pieces, on_thought)

    def run_action(self, request: ActionRequest) -> FakeStream:
        self.requests.append(request)
        return FakeStream(self.runs.pop(0), None)

    def prefill(self, messages: Sequence[ChatMessage], **_: object) -> None:
        self.prefilled.append(list(messages))

    def load(self, model: str) -> None:
        self.loaded.append(model)

    def add_recent(self, new: NewRecent) -> None:
        self.recent.append(new)

    def pull(self, source: str) -> FakeStream:
        self.pulled.append(source)
        return FakeStream(self.pulls, None)


class FakeBridge:
    """Work waits until a test says `work`; it is then done on the test's own thread."""

    def __init__(self, view: DaemonView | None = None, client: FakeClient | None = None) -> None:
        self.daemon = client or FakeClient()
        self.started = 0
        self.refreshed = 0
        self.unhandled: list[HobError] = []
        self._view = view or a_view()
        self._told: list[Callable[[DaemonView], None]] = []
        self._waiting: list[Callable[[], None]] = []

    @property
    def view(self) -> DaemonView:
        return self._view

    def watch(self, told: Callable[[DaemonView], None]) -> None:
        self._told.append(told)
        told(self._view)

    def tell(self, view: DaemonView) -> None:
        """The daemon is another now."""
        self._view = view
        for told in self._told:
            told(view)

    def client(self) -> Client:
        return cast("Client", self.daemon)

    def run(
        self,
        work: Callable[[Client], T],
        done: Callable[[T], None] | None = None,
        failed: Callable[[HobError], None] | None = None,
    ) -> None:
        def do() -> None:
            try:
                made = work(self.client())
            except HobError as error:
                (failed or self.unhandled.append)(error)
            else:
                if done is not None:
                    done(made)

        self._waiting.append(do)

    def post(self, call: Callable[[], None]) -> None:
        call()

    def work(self) -> None:
        """Do what waits, and what comes of it."""
        while self._waiting:
            self._waiting.pop(0)()

    def start_daemon(self) -> None:
        self.started += 1

    def refresh(self) -> None:
        self.refreshed += 1


@dataclass
class FakeClipboard:
    """One clipboard and one selection; `refusal` is what every method fails with."""

    clip: Clip = field(default_factory=Clip)
    selected: Clip = field(default_factory=Clip)
    refusal: HobError | None = None
    pastes: bool = True
    written: list[str] = field(default_factory=list)
    pasted: list[str] = field(default_factory=list)
    noted: int = 0

    def read(self, done: Callable[[Clip], None], failed: Callable[[HobError], None]) -> None:
        self._settle(lambda: done(self.clip), failed)

    def selection(self, done: Callable[[Clip], None], failed: Callable[[HobError], None]) -> None:
        self._settle(lambda: done(self.selected), failed)

    def write(
        self,
        text: str,
        done: Callable[[], None] | None = None,
        failed: Callable[[HobError], None] | None = None,
    ) -> None:
        self.written.append(text)
        self._settle(done, failed)

    def note_focus(self) -> None:
        self.noted += 1

    def paste(
        self,
        text: str,
        done: Callable[[], None] | None = None,
        failed: Callable[[HobError], None] | None = None,
    ) -> None:
        self.pasted.append(text)
        self._settle(done, failed)

    def _settle(
        self, done: Callable[[], None] | None, failed: Callable[[HobError], None] | None
    ) -> None:
        if self.refusal is not None:
            if failed is not None:
                failed(self.refusal)
        elif done is not None:
            done()


@dataclass
class FakeNotices:
    shown: list[tuple[str, str, str]] = field(default_factory=list)

    def show(
        self,
        title: str,
        text: str = "",
        *,
        copy: str = "",
        open: Callable[[], None] | None = None,
    ) -> None:
        self.shown.append((title, text, copy))


@dataclass
class FakeParts:
    """All of them together; `parts` is what a window is given."""

    bridge: FakeBridge = field(default_factory=FakeBridge)
    clipboard: FakeClipboard = field(default_factory=FakeClipboard)
    notices: FakeNotices = field(default_factory=FakeNotices)

    @property
    def parts(self) -> Parts:
        return Parts(self.bridge, self.clipboard, self.notices)


def a_model(
    name: str, *, chosen: bool = False, capabilities: tuple[Capability, ...] = ("chat",)
) -> ModelEntry:
    info = ModelInfo(
        name=name,
        path=f"/models/{name}",
        file_bytes=98_000_000,
        modified_at=0.0,
        capabilities=capabilities,
    )
    return ModelEntry(info=info, state="warm" if chosen else "available", chosen=chosen)


def a_view(
    phase: Any = "warm",
    *,
    models: tuple[ModelEntry, ...] | None = None,
    load_fraction: float | None = None,
    problem: ErrorInfo | None = None,
    chosen: str = "tiny",
) -> DaemonView:
    """A daemon with the model `tiny`, and `seeing`, which has vision."""
    if phase == "away":
        return DaemonView(phase="away", problem=problem)
    if models is None:
        models = (
            a_model("tiny", chosen=True),
            a_model("seeing", capabilities=("chat", "vision")),
            a_model("vectors", capabilities=("embedding",)),
        )
    status = Status(
        version="1", pid=1, started_at=0.0, stopping=False, home="", log_file="", chosen=chosen,
        model_count=len(models), models_folder="/models", workers=(),
        api=ApiStatus(socket="", address="", problem=None), rss_bytes=0,
    )  # fmt: skip
    return DaemonView(
        phase=phase, status=status, models=models, load_fraction=load_fraction, problem=problem,
        folder=str(Path("/models")),
    )  # fmt: skip
