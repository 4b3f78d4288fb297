"""What the API needs from the rest of the daemon; the supervisor, the registry and the access
control provide it, and tests provide fakes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from hob.wire.base import ErrorInfo
from hob.wire.calls import Call, CallResult
from hob.wire.desktop import (
    AnyOrder,
    DesktopAsk,
    DesktopHello,
    DesktopList,
    DesktopState,
    DesktopStatus,
    NewRecent,
    OrderReply,
    RecentList,
)
from hob.wire.events import Event
from hob.wire.fit import Fit, FitRequest
from hob.wire.generate import GenerateEvent, GenerateRequest
from hob.wire.library import (
    AdoptableList,
    Adopted,
    ImportEvent,
    ImportRequest,
    ModelDetails,
    RecommendationList,
    Removed,
    VerifyEvent,
)
from hob.wire.models import ModelEntry, ModelInfo
from hob.wire.plugin_host import ManageVerb
from hob.wire.plugins import (
    ActionEvent,
    ActionList,
    ActionRequest,
    PluginInfo,
    PluginList,
    ToolList,
)
from hob.wire.profiles import NewProfile, Profile
from hob.wire.pulls import LoginReply, PullEntry, PullEvent, SearchReply
from hob.wire.status import ApiStatus, Status, TokenReply, WorkerStatus

T = TypeVar("T")


class Library(Protocol):
    """The models folder as the daemon knows it."""

    def infos(self) -> Sequence[ModelInfo]:
        """Every file, bad ones included, by name."""

    def resolve(self, name: str) -> ModelInfo:
        """The model of that name, or of which `name` is an unambiguous part.

        Raises ModelNotFound, ModelAmbiguous or BadModelFile.
        """

    def resolve_adapter(self, name: str) -> str:
        """The path of the LoRA adapter of that name, which is in the models folder.

        Raises ModelNotFound, ModelAmbiguous or BadModelFile.
        """

    async def rescan(self) -> None:
        """Read the folders again."""

    @property
    def folders(self) -> Sequence[Path]:
        """All folders that are watched."""

    @property
    def warnings(self) -> Sequence[ErrorInfo]:
        """What keeps changes of the folders from being seen at once."""

    def forgive(self, name: str) -> ModelInfo:
        """Let a model whose load crashed the worker be loaded again; `name` may be a part of it.

        Raises ModelNotFound or ModelAmbiguous.
        """


class Downloads(Protocol):
    """Fetching models, from the hub and elsewhere."""

    def pull(self, source: str) -> AsyncIterator[PullEvent]:
        """Fetch a model into the folder. Problems come as PullFailed, never as an exception."""

    async def start(self, source: str) -> PullEntry:
        """The same without anybody who follows. Raises InvalidRequest or Overloaded."""

    def entries(self) -> Sequence[PullEntry]: ...

    async def cancel(self, id: str, discard: bool) -> PullEntry:
        """Stop it; `discard` also forgets it and what was fetched. Raises InvalidRequest."""

    async def resume(self, id: str) -> PullEntry:
        """Go on with one that has failed or was stopped. Raises InvalidRequest."""

    async def search(self, text: str, limit: int) -> SearchReply:
        """What the hub has. Raises InvalidRequest or DownloadError."""


class HubAccess(Protocol):
    """The person's account on the hub."""

    async def login(self, token: str) -> LoginReply:
        """Ask the hub whose token it is, and keep it. Raises DownloadError or SecretStoreError."""

    async def logout(self) -> LoginReply:
        """Forget the token. Raises SecretStoreError."""


class Profiles(Protocol):
    """What is set for the models, and the models that are made of others by it."""

    def profile(self, name: str) -> Profile | None:
        """The profile of the model of exactly that name: its own, or the one that it is."""

    def profiles(self) -> Sequence[Profile]:
        """Every profile, those that cannot be used included."""

    async def create(self, wanted: NewProfile) -> Profile:
        """Write a file for a profile, and know it. Raises ModelError."""


class Models(Protocol):
    """Loading, and answering from what is loaded."""

    @property
    def chosen(self) -> str:
        """The name of the model that is kept warm; empty when there is none."""

    def entries(self) -> Sequence[ModelEntry]:
        """Every model of the library with what is done with it now."""

    def workers(self) -> Sequence[WorkerStatus]: ...

    async def load(self, name: str) -> WorkerStatus:
        """Load and wait until ready. Raises ModelError or WorkerError."""

    async def cancel(self, name: str) -> bool:
        """End the model's load; whoever waits for it gets Cancelled. False when there is none."""

    async def unload(self, name: str) -> None:
        """End the model's worker; requests in flight get a typed error."""

    async def use(self, name: str) -> WorkerStatus:
        """Make it the chosen model, load it, keep it warm."""

    async def keep(self, name: str, for_s: float | None) -> WorkerStatus:
        """Load it and have it stay `for_s` seconds after each use, be it the chosen one or not;
        None keeps it for good. Raises ModelError or WorkerError."""

    def generate(
        self, model: str, request: GenerateRequest, *, keep_alive: float | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[GenerateEvent]]:
        """Run a request on `model` (empty: the chosen one), loading it when needed.

        Entering waits for the model and raises HobError when there is none; the iterator ends
        after Finished, or raises HobError. Leaving early takes the request back.

        `keep_alive` is the model's idle time from now on, in seconds: 0 unloads it after the
        answer, a negative one keeps it until it is unloaded.
        """

    async def call(self, model: str, call: Call, *, keep_alive: float | None = None) -> CallResult:
        """Ask `model` (empty: the chosen one), loading it when needed, and wait for the result.

        Raises HobError. Cancelling takes the call back.
        """


class Fits(Protocol):
    """What fits into the memory of this machine."""

    def explain(self, request: FitRequest) -> Fit:
        """How a model, by its full name, would be loaded now. Raises ModelNotFound."""


class Inspector(Protocol):
    """Looks into the files of a model."""

    async def details(self, entry: ModelEntry) -> ModelDetails:
        """All that is known of the model, a bad one included."""


class Care(Protocol):
    """What a person does with the models of the library; names may be unambiguous parts."""

    async def remove(self, name: str, *, for_good: bool = False) -> Removed:
        """Put a model's files away. Raises ModelError, InvalidRequest or DownloadError."""

    async def rename(self, name: str, to: str) -> ModelInfo:
        """Give a model's files another name. Raises ModelError, InvalidRequest or DownloadError."""

    async def alias(self, alias: str, name: str) -> str:
        """Let `alias` mean a model, or nothing when `name` is empty; the model's full name.

        Raises ModelError or InvalidRequest.
        """

    def verify(self, name: str, *, online: bool = False) -> AsyncIterator[VerifyEvent]:
        """Compare a model's files with their digests. Problems come as VerifyFailed."""

    def take_in(self, request: ImportRequest) -> AsyncIterator[ImportEvent]:
        """Bring a file into the models folder. Problems come as ImportFailed."""


class Adoption(Protocol):
    """The models of other programs on this machine."""

    async def adoptable(self) -> AdoptableList: ...

    async def adopt(self, wanted: Sequence[str]) -> Adopted:
        """Link these, by their names or programs; all for nothing.

        Raises ModelNotFound or ModelAmbiguous.
        """


class Catalog(Protocol):
    """The curated list of models that can be fetched."""

    async def recommendations(self, *, every: bool = False) -> RecommendationList:
        """What suits this machine, best first; `every` for the whole list."""


class Plugins(Protocol):
    """What plugins offer; they run in a process of their own."""

    async def settled(self) -> None:
        """Wait, not for long, until the plugins are loaded or it is known that they are not."""

    def listing(self) -> PluginList: ...

    def plugin(self, name: str) -> PluginInfo:
        """One of them. Raises PluginNotFound, or whatever keeps every plugin from running."""

    def actions(self) -> ActionList: ...

    def tools(self) -> ToolList: ...

    async def manage(
        self, verb: ManageVerb, name: str, *, setting: str = "", value: str | None = None
    ) -> None:
        """Enable, disable, reload or set a plugin, or the hotkey of an action. Raises PluginError,
        InvalidRequest or BadHotkey."""

    async def run(self, request: ActionRequest) -> AsyncIterator[ActionEvent]:
        """Run an action; its events end with ActionFinished or ActionFailed. Leaving early takes
        the run back. Raises PluginError when it cannot begin."""

    async def call_tool(self, name: str, arguments: str) -> str:
        """What the tool has to say; `arguments` is JSON. Raises PluginError. Cancelling takes the
        call back."""

    @property
    def rewrites(self) -> bool:
        """Whether there is a plugin that rewrites requests."""

    async def rewrite(
        self, request: dict[str, Any], check: Callable[[dict[str, Any]], T], *, asker: str = ""
    ) -> T | None:
        """What plugins make of a chat request, as `check` takes it; None when it stays as it is.

        `asker` is the plugin that sends it. Raises nothing: a plugin that fails, or whose request
        `check` refuses with HobError, is named by an event, and the request stays as it is.
        """


class Facts(Protocol):
    """The bus of events."""

    def subscribe(self) -> AbstractAsyncContextManager[AsyncIterator[Event]]: ...


class Daemon(Protocol):
    """The process as a whole."""

    def status(self) -> Status: ...

    def request_stop(self) -> None:
        """Begin to drain; returns at once."""

    @property
    def stopping(self) -> bool:
        """True from the moment that new requests are refused."""


class Access(Protocol):
    """The TCP listener and its token."""

    def status(self) -> ApiStatus: ...

    async def enable(self, port: int | None, allow_file: bool) -> ApiStatus:
        """Open the listener and remember it. Raises SecretStoreError or ConfigError."""

    async def disable(self) -> ApiStatus: ...

    async def token(self, rotate: bool = False) -> TokenReply:
        """The bearer token, made on first use. Raises SecretStoreError."""


class Desk(Protocol):
    """The desktops that are attached, and the answers that they have shown."""

    def attach(self, hello: DesktopHello) -> AbstractAsyncContextManager[AsyncIterator[AnyOrder]]:
        """Be attached as long as the context lasts; the first order is Attached.

        Raises AlreadyRunning when another process has that session.
        """

    def tell(self, state: DesktopState) -> DesktopStatus:
        """What a desktop says of itself. Raises NoDesktop for one that is not attached."""

    def used(self, desktop: str) -> None:
        """A person has just used that desktop, so it is the one meant by default."""

    async def ask(self, asked: DesktopAsk, timeout_s: float) -> OrderReply:
        """Give an order and wait for the reply.

        Raises NoDesktop, the desktop's own error, or DesktopError when it takes too long.
        """

    def reply(self, reply: OrderReply) -> bool:
        """Whether somebody still waited for it."""

    def listing(self) -> DesktopList: ...

    def recent(self) -> RecentList: ...

    def add_recent(self, answer: NewRecent) -> RecentList: ...

    def clear_recent(self) -> RecentList: ...
