"""The only client of the daemon's socket; the CLI, the desktop and other programs use it.

    with Client(find_paths().socket) as hob:
        for piece in hob.chat([ChatMessage(role="user", content="What is a hob?")]):
            print(piece, end="", flush=True)

It blocks, and opens one connection per request. Every failure is a HobError: what the daemon says,
or NotRunning, ForbiddenPeer and DaemonUnreachable for a daemon that cannot say anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hob.client.desktop import DesktopCalls
from hob.client.plugins import PluginCalls
from hob.client.replies import decode_reply
from hob.wire.fit import Fit, FitRequest
from hob.wire.generate import ChatMessage, Priority
from hob.wire.models import ModelEntry, ModelInfo, ModelList, ModelRef
from hob.wire.pulls import (
    LoginReply,
    LoginRequest,
    PullCancel,
    PullEntry,
    PullList,
    PullRef,
    PullRequest,
    SearchReply,
    SearchRequest,
)
from hob.wire.status import ApiStatus, Status, StopRequest, TcpRequest, TokenReply, WorkerStatus

if TYPE_CHECKING:
    # Imported when the first stream begins: most commands never have one.
    from hob.client.care import ImportStream, VerifyStream
    from hob.client.interrupt import Interrupt
    from hob.client.stream import ChatStream, FactStream, PullStream
    from hob.wire.chat import HobTool
    from hob.wire.library import (
        AdoptableList,
        Adopted,
        ModelDetails,
        RecommendationList,
        Removed,
    )
    from hob.wire.profiles import Profile, ProfileList
    from hob.wire.text import PrefillReply, TokenizeReply

ChatOption = str | int | float | bool | list[str] | dict[str, float] | None


class Client(DesktopCalls, PluginCalls):
    """A client of the daemon at `socket_path` (a named pipe on Windows).

    `timeout`, in seconds, bounds the short requests; those that wait for a model, and streams,
    take as long as they need. As a context manager it closes the streams that are still open.
    """

    def status(self) -> Status:
        return self._call("GET", "/hob/v1/status", Status)

    def models(self, *, rescan: bool = False) -> ModelList:
        """Every model of the folder; `rescan` reads the folder first."""
        return self._call("GET", f"/hob/v1/models{'?rescan=1' if rescan else ''}", ModelList)

    def model(self, name: str) -> ModelEntry:
        from urllib.parse import quote

        return self._call("GET", f"/hob/v1/models/{quote(name, safe='')}", ModelEntry)

    def profiles(self, *, rescan: bool = False) -> ProfileList:
        """Every profile; `rescan` reads the folders first."""
        from hob.wire.profiles import ProfileList

        target = f"/hob/v1/models/profiles{'?rescan=1' if rescan else ''}"
        return self._call("GET", target, ProfileList)

    def new_profile(self, name: str, model: str, system: str = "") -> Profile:
        """Have a file written for a profile; its path comes back with it."""
        from hob.wire.profiles import NewProfile, Profile

        wanted = NewProfile(name=name, model=model, system=system)
        return self._call("POST", "/hob/v1/models/profiles/new", Profile, wanted, waits=True)

    def forgive(self, model: str) -> ModelEntry:
        """Let a model whose load crashed the worker be loaded again."""
        named = ModelRef(model=model)
        return self._call("POST", "/hob/v1/models/forgive", ModelEntry, named)

    def details(self, name: str) -> ModelDetails:
        """All that is known of a model, its whole header included."""
        from hob.wire.library import ModelDetails

        return self._call("POST", "/hob/v1/models/show", ModelDetails, ModelRef(model=name))

    def load(self, model: str) -> WorkerStatus:
        """Load it and wait until it is warm."""
        return self._call(
            "POST", "/hob/v1/models/load", WorkerStatus, ModelRef(model=model), waits=True
        )

    def fit(self, request: FitRequest) -> Fit:
        """How much memory a model takes, and how it would be loaded now."""
        return self._call("POST", "/hob/v1/models/fit", Fit, request)

    def cancel_load(self, model: str) -> bool:
        """End its load, so that whoever waits for it is told so; false when there is none."""
        from hob.wire.models import LoadCancelled

        named = ModelRef(model=model)
        reply = self._call("POST", "/hob/v1/models/cancel", LoadCancelled, named, waits=True)
        return reply.cancelled

    def unload(self, model: str) -> str:
        """End its worker, so that what it is answering fails; the full name of the model."""
        named = ModelRef(model=model)
        return self._call("POST", "/hob/v1/models/unload", ModelRef, named, waits=True).model

    def use(self, model: str) -> WorkerStatus:
        """Make it the model that is kept warm, and wait until it is."""
        return self._call(
            "POST", "/hob/v1/models/use", WorkerStatus, ModelRef(model=model), waits=True
        )

    def keep(self, model: str, for_s: float | None) -> WorkerStatus:
        """Load it and have it stay `for_s` seconds after each use; None keeps it for good."""
        from hob.wire.models import KeepRequest

        wanted = KeepRequest(model=model, for_s=for_s)
        return self._call("POST", "/hob/v1/models/keep", WorkerStatus, wanted, waits=True)

    def pull(self, source: str) -> PullStream:
        """Fetch a model into the folder."""
        from hob.client.stream import PullStream

        reply = self._open("POST", "/hob/v1/models/pull", PullRequest(source=source))
        return self._stream(PullStream(reply))

    def pull_detached(self, source: str) -> PullEntry:
        """Begin to fetch a model; it goes on by itself."""
        wanted = PullRequest(source=source, detach=True)
        return self._call("POST", "/hob/v1/models/pull", PullEntry, wanted)

    def pulls(self) -> PullList:
        """The downloads that the daemon knows of."""
        return self._call("GET", "/hob/v1/models/pulls", PullList)

    def cancel_pull(self, id: str, *, discard: bool = False) -> PullEntry:
        """Stop a download; `discard` also forgets it and what it has fetched."""
        wanted = PullCancel(id=id, discard=discard)
        return self._call("POST", "/hob/v1/models/pulls/cancel", PullEntry, wanted, waits=True)

    def resume_pull(self, id: str) -> PullEntry:
        """Go on with a download that has failed or was stopped."""
        return self._call("POST", "/hob/v1/models/pulls/resume", PullEntry, PullRef(id=id))

    def search(self, text: str, *, limit: int = 20) -> SearchReply:
        """Repositories of the hub that hold GGUF models."""
        wanted = SearchRequest(text=text, limit=limit)
        return self._call("POST", "/hob/v1/models/search", SearchReply, wanted, waits=True)

    def login(self, token: str) -> LoginReply:
        """Keep the hub's token in the keyring; an empty one takes it out."""
        wanted = LoginRequest(token=token)
        return self._call("POST", "/hob/v1/login", LoginReply, wanted, waits=True)

    def remove(self, model: str, *, for_good: bool = False) -> Removed:
        """Put a model's files into the trash, or `for_good` away."""
        from hob.wire.library import Removed, RemoveRequest

        body = RemoveRequest(model=model, for_good=for_good)
        return self._call("POST", "/hob/v1/models/rm", Removed, body, waits=True)

    def rename(self, model: str, to: str) -> ModelInfo:
        """Give a model's files another name; the model under it."""
        from hob.wire.library import RenameRequest

        body = RenameRequest(model=model, to=to)
        return self._call("POST", "/hob/v1/models/rename", ModelInfo, body, waits=True)

    def alias(self, alias: str, model: str) -> str:
        """Let `alias` mean a model, or nothing when `model` is empty; the model's full name."""
        from hob.wire.library import AliasRequest

        body = AliasRequest(alias=alias, model=model)
        return self._call("POST", "/hob/v1/models/alias", ModelRef, body, waits=True).model

    def verify(self, model: str, *, online: bool = False) -> VerifyStream:
        """Compare a model's files with what their digests should be."""
        from hob.client.care import VerifyStream
        from hob.wire.library import VerifyRequest

        body = VerifyRequest(model=model, online=online)
        return self._stream(VerifyStream(self._open("POST", "/hob/v1/models/verify", body)))

    def import_file(
        self, path: Path, how: Literal["copy", "link", "move"] = "copy"
    ) -> ImportStream:
        """Bring a GGUF file into the models folder."""
        from hob.client.care import ImportStream
        from hob.wire.library import ImportRequest

        body = ImportRequest(path=str(path.absolute()), how=how)
        return self._stream(ImportStream(self._open("POST", "/hob/v1/models/import", body)))

    def adoptable(self) -> AdoptableList:
        """The models of other programs on this machine."""
        from hob.wire.library import AdoptableList

        return self._call("GET", "/hob/v1/models/adopt", AdoptableList, waits=True)

    def adopt(self, models: Sequence[str] = ()) -> Adopted:
        """Link models of other programs, by their names or programs; all for nothing."""
        from hob.wire.library import Adopted, AdoptRequest

        body = AdoptRequest(models=tuple(models))
        return self._call("POST", "/hob/v1/models/adopt", Adopted, body, waits=True)

    def recommendations(self, *, every: bool = False) -> RecommendationList:
        """What is worth having on this machine; `every` for the whole list."""
        from hob.wire.library import RecommendationList

        target = f"/hob/v1/models/recommend{'?all=1' if every else ''}"
        return self._call("GET", target, RecommendationList)

    def events(self, *, timeout: float | None = None) -> FactStream:
        """Every fact from now on; `timeout` bounds the wait for each, in seconds."""
        from hob.client.stream import FactStream

        return self._stream(FactStream(self._open("GET", "/hob/v1/events", timeout=timeout)))

    def api_status(self) -> ApiStatus:
        return self._call("GET", "/hob/v1/api", ApiStatus)

    def api_set(
        self, *, enabled: bool, port: int | None = None, allow_file: bool = False
    ) -> ApiStatus:
        """Open or close the listener on loopback; see TcpRequest."""
        body = TcpRequest(enabled=enabled, port=port, allow_file=allow_file)
        return self._call("POST", "/hob/v1/api", ApiStatus, body, waits=True)

    def token(self, *, rotate: bool = False) -> TokenReply:
        """The bearer token of the listener; `rotate` makes a new one."""
        if rotate:
            return self._call("POST", "/hob/v1/token/rotate", TokenReply, {}, waits=True)
        return self._call("GET", "/hob/v1/token", TokenReply, waits=True)

    def tokenize(self, text: str, *, model: str = "") -> TokenizeReply:
        """A text as the tokens of a model (empty: the chosen one), which is loaded for it."""
        from hob.wire.text import TokenizeReply, TokenizeRequest

        wanted = TokenizeRequest(text=text, model=model or None, parse_special=False)
        return self._call("POST", "/hob/v1/tokenize", TokenizeReply, wanted, waits=True)

    def stop(self) -> None:
        """Ask the daemon to drain and end; returns at once."""
        self._request("POST", "/hob/v1/stop", StopRequest())

    def chat(
        self,
        messages: Sequence[ChatMessage],
        *,
        model: str = "",
        priority: Priority = "interactive",
        on_thought: Callable[[str], None] | None = None,
        on_tool: Callable[[HobTool], None] | None = None,
        plugin: str = "",
        interrupt: Interrupt | None = None,
        **options: ChatOption,
    ) -> ChatStream:
        """Ask for an answer; returns once the model is there and has begun to read.

        `model` empty asks the chosen one. `on_thought` is told what the model thinks before it
        answers, piece by piece, while the stream is read; `on_tool` of each tool that Hob runs for
        it (`hob_tools`), when it is called and when it is done. `plugin` is the name of the plugin
        that asks. `interrupt` ends it from another thread, also while the model is still loading.
        `options` are fields of the OpenAI chat request, such as max_tokens, temperature and seed;
        those that are None are left out.
        """
        from hob.client.messages import as_sent
        from hob.client.stream import ChatStream

        body: dict[str, object] = {name: v for name, v in options.items() if v is not None}
        body |= {"messages": as_sent(messages), "stream": True}
        body |= {"stream_options": {"include_usage": True}} | ({"model": model} if model else {})
        headers = {"X-Hob-Priority": priority} | ({"X-Hob-Plugin": plugin} if plugin else {})
        reply = self._open("POST", "/v1/chat/completions", body, headers, interrupt=interrupt)
        return self._stream(ChatStream(reply, on_thought, on_tool))

    def prefill(
        self,
        messages: Sequence[ChatMessage],
        *,
        model: str = "",
        priority: Priority = "background",
        interrupt: Interrupt | None = None,
    ) -> PrefillReply:
        """Have a conversation read into the model's cache, so that what follows it is answered
        sooner; returns when that is done. `interrupt` ends it from another thread."""
        from hob.client.messages import as_sent
        from hob.wire.text import PrefillReply

        body: dict[str, object] = {"messages": as_sent(messages), "priority": priority}
        body |= {"model": model} if model else {}
        data = self._request("POST", "/hob/v1/prefill", body, waits=True, interrupt=interrupt)
        return decode_reply(data, PrefillReply)
