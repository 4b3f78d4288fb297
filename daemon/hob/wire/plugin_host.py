"""What the daemon and the process that runs the plugins tell each other, in frames on a pipe."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from hob.wire.base import ErrorInfo, Value
from hob.wire.plugins import (
    ActionEvent,
    ActionInfo,
    ActionRequest,
    CommandInfo,
    PluginInfo,
    ToolInfo,
)

PROTOCOL = 1
# What one message of the process may hold: the daemon reads it between other things. Longer texts
# go in pieces.
MAX_FROM_HOST_BYTES = 8 * 2**20

ManageVerb = Literal["enable", "disable", "reload", "set", "hotkey"]


class ToHost(Value, frozen=True, tag_field="do"):
    """Base of what the daemon says."""


class Begin(ToHost, frozen=True, tag="begin"):
    """The first message: where things are. `without` names plugins that must not be loaded, with
    the reason, because the process ended while they ran. `one_by_one` has them loaded after each
    other, so that it is known which one ends it."""

    protocol: int
    socket: str
    folder: str
    settings_file: str
    storage: str
    without: dict[str, ErrorInfo] = {}
    one_by_one: bool = False


class RunAction(ToHost, frozen=True, tag="run"):
    id: str
    request: ActionRequest


class CallTool(ToHost, frozen=True, tag="tool"):
    """`arguments` is JSON."""

    id: str
    tool: str
    arguments: str


class Rewrite(ToHost, frozen=True, tag="rewrite"):
    """`request` is the body of a chat request as plain JSON values. `asker` is the plugin that
    sends it, if one does: it does not rewrite what it asks itself."""

    id: str
    request: dict[str, Any]
    asker: str = ""


class CancelRun(ToHost, frozen=True, tag="cancel"):
    id: str


class Tell(ToHost, frozen=True, tag="tell"):
    """A fact of the bus, as plain JSON values; sent only while a plugin listens."""

    fact: dict[str, Any]


class Manage(ToHost, frozen=True, tag="manage"):
    """`name` is a plugin's, and for `hotkey` an action's; `value` None stands for the default."""

    id: str
    verb: ManageVerb
    name: str
    setting: str = ""
    value: str | None = None


class Ping(ToHost, frozen=True, tag="ping"):
    number: int


class Leave(ToHost, frozen=True, tag="leave"):
    """End; so does the end of the pipe."""


class FromHost(Value, frozen=True, tag_field="told"):
    """Base of what the process says."""


class Catalogue(FromHost, frozen=True, tag="catalogue"):
    """All that there is now; sent after the start and after every change.

    `rewriters` are the plugins that rewrite requests, `listens` whether any wants facts.
    """

    plugins: tuple[PluginInfo, ...]
    actions: tuple[ActionInfo, ...] = ()
    tools: tuple[ToolInfo, ...] = ()
    commands: tuple[CommandInfo, ...] = ()
    warm_prompts: tuple[str, ...] = ()
    rewriters: tuple[str, ...] = ()
    listens: bool = False


class Entered(FromHost, frozen=True, tag="entered"):
    """Code of a plugin is about to run; should the process die before Left, it is to blame."""

    number: int
    plugin: str
    hook: str


class Left(FromHost, frozen=True, tag="left"):
    number: int


class RunEvent(FromHost, frozen=True, tag="run_event"):
    id: str
    event: ActionEvent


class ToolResult(FromHost, frozen=True, tag="tool_result"):
    id: str
    text: str = ""
    error: ErrorInfo | None = None


class Rewritten(FromHost, frozen=True, tag="rewritten"):
    """`request` None: nothing was changed. `by` are the plugins that changed it."""

    id: str
    request: dict[str, Any] | None = None
    by: tuple[str, ...] = ()


class Managed(FromHost, frozen=True, tag="managed"):
    """Sent after the Catalogue that shows the change."""

    id: str
    error: ErrorInfo | None = None


class Misbehaved(FromHost, frozen=True, tag="misbehaved"):
    """A plugin failed in `hook`; `suspended` when it has done so too often and is off now."""

    plugin: str
    hook: str
    error: ErrorInfo
    suspended: bool = False


class Pong(FromHost, frozen=True, tag="pong"):
    number: int


ToHostMessage = Begin | RunAction | CallTool | Rewrite | CancelRun | Tell | Manage | Ping | Leave
FromHostMessage = (
    Catalogue | Entered | Left | RunEvent | ToolResult | Rewritten | Managed | Misbehaved | Pong
)

to_host_decoder: msgspec.msgpack.Decoder[ToHostMessage] = msgspec.msgpack.Decoder(ToHostMessage)
from_host_decoder: msgspec.msgpack.Decoder[FromHostMessage] = msgspec.msgpack.Decoder(
    FromHostMessage
)
