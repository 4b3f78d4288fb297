"""Facts that the daemon tells whoever listens: `{"event": name, "at": unix seconds, ...}`."""

from __future__ import annotations

from typing import Literal

import msgspec

from hob.wire.base import ErrorInfo
from hob.wire.generate import Usage


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
    why: Literal["asked", "idle", "room", "shutdown"]


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


class EventsLost(Fact, frozen=True, tag="events.lost"):
    """The listener was too slow; `count` facts were dropped before the next one."""

    count: int


Event = (
    DaemonReady
    | DaemonStopping
    | ApiChanged
    | ModelAdded
    | ModelRemoved
    | ModelChosen
    | ModelLoading
    | ModelReady
    | ModelUnloaded
    | ModelFailed
    | RequestQueued
    | RequestStarted
    | RequestFinished
    | RequestFailed
    | EventsLost
)
