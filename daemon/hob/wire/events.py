"""Facts that the daemon tells whoever listens: `{"event": name, "at": unix seconds, ...}`."""

from __future__ import annotations

from typing import Literal

import msgspec

from hob.wire.base import ErrorInfo
from hob.wire.generate import Usage
from hob.wire.pulls import PullEntry


class Fact(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", omit_defaults=True):
    """Base of all facts; `at` is filled in by whoever publishes."""

    at: float


class DaemonReady(Fact, frozen=True, tag="daemon.ready"):
    pid: int


class DaemonStopping(Fact, frozen=True, tag="daemon.stopping"):
    """`requests` are still being answered and have `grace_s` seconds to finish."""

    requests: int
    grace_s: float


class ApiChanged(Fact, frozen=True, tag="api.changed"):
    """The TCP listener was opened at or closed; `address` is empty when closed."""

    address: str = ""


class ModelAdded(Fact, frozen=True, tag="model.added"):
    model: str


class ModelRemoved(Fact, frozen=True, tag="model.removed"):
    model: str


class ModelRenamed(Fact, frozen=True, tag="model.renamed"):
    """The file of `old` has another name or place now; it is the same model."""

    old: str
    model: str


class ModelChanged(Fact, frozen=True, tag="model.changed"):
    """Its files or its profile are others now; a loaded model is loaded again."""

    model: str


class ModelCopying(Fact, frozen=True, tag="model.copying"):
    """A file that is still growing; `total_bytes` is 0 while it is not known."""

    model: str
    done_bytes: int
    total_bytes: int


class LibraryWarning(Fact, frozen=True, tag="library.warning"):
    """Something keeps Hob from seeing changes of the folders at once, or a profile is wrong."""

    error: ErrorInfo


class PullChanged(Fact, frozen=True, tag="pull.changed"):
    """A download has come on, has ended or was taken back; progress comes once a second."""

    pull: PullEntry


class ModelChosen(Fact, frozen=True, tag="model.chosen"):
    model: str


class ModelLoading(Fact, frozen=True, tag="model.loading"):
    """`fraction` of the weights read, 0 to 1."""

    model: str
    fraction: float


class ModelReady(Fact, frozen=True, tag="model.ready"):
    """`load_s`: seconds from the wish to ready."""

    model: str
    load_s: float


class ModelUnloaded(Fact, frozen=True, tag="model.unloaded"):
    model: str
    why: Literal["asked", "idle", "room", "pressure", "changed", "removed", "shutdown"]


class ModelFailed(Fact, frozen=True, tag="model.failed"):
    """The worker ended by itself or could not load; `retry_s` None means it is not tried again."""

    model: str
    error: ErrorInfo
    retry_s: float | None = None


class RequestQueued(Fact, frozen=True, tag="request.queued"):
    """It waits for a slot; `place` 1 is next."""

    id: str
    model: str
    place: int


class RequestHeld(Fact, frozen=True, tag="request.held"):
    """It waits until its model can be loaded; `why` is one sentence for a person."""

    id: str
    model: str
    why: str


class RequestStarted(Fact, frozen=True, tag="request.started"):
    id: str
    model: str


class RequestFinished(Fact, frozen=True, tag="request.finished"):
    id: str
    model: str
    usage: Usage
    tokens_per_second: float


class RequestFailed(Fact, frozen=True, tag="request.failed"):
    id: str
    model: str
    error: ErrorInfo


class PluginsChanged(Fact, frozen=True, tag="plugins.changed"):
    """Plugins, their actions, settings or hotkeys are others now."""


class PluginFailed(Fact, frozen=True, tag="plugin.failed"):
    """A plugin failed in `hook`; `suspended` when Hob has turned it off for that."""

    plugin: str
    hook: str
    error: ErrorInfo
    suspended: bool = False


class DesktopChanged(Fact, frozen=True, tag="desktop.changed"):
    """A desktop came, went, or has told something of itself."""


class RecentChanged(Fact, frozen=True, tag="recent.changed"):
    """The recent answers are others now."""


class EventsLost(Fact, frozen=True, tag="events.lost"):
    """The listener was too slow; `count` facts were dropped before the next one."""

    count: int


Event = (
    DaemonReady
    | DaemonStopping
    | ApiChanged
    | ModelAdded
    | ModelRemoved
    | ModelRenamed
    | ModelChanged
    | ModelCopying
    | LibraryWarning
    | PullChanged
    | ModelChosen
    | ModelLoading
    | ModelReady
    | ModelUnloaded
    | ModelFailed
    | RequestQueued
    | RequestHeld
    | RequestStarted
    | RequestFinished
    | RequestFailed
    | PluginsChanged
    | PluginFailed
    | DesktopChanged
    | RecentChanged
    | EventsLost
)
