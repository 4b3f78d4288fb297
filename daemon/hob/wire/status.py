"""What the daemon says of itself."""

from __future__ import annotations

from typing import Literal

from hob.wire.base import Body, ErrorInfo
from hob.wire.engine import BuildInfo, LoadedInfo

WorkerState = Literal["down", "starting", "ready", "stopping", "closed"]


class WorkerStatus(Body, frozen=True):
    """One model's worker. Times are unix seconds, sizes bytes.

    `warm_since` is None unless ready; `rss_bytes` is the worker's resident memory, None when it
    cannot be read; `tokens_per_second` is the median decode rate of the last answers, None before
    the first; `problem` is the last failure when the worker is down because of it. Of all answers'
    `prompt_tokens` so far, `cached_tokens` came out of the cache. `unload_at` is when it is
    unloaded if nobody asks it anything more, None when it stays; `keep_for_s` is for how many
    seconds after each use somebody wants it to stay, None for as usual or for good.
    """

    model: str
    state: WorkerState
    pid: int | None
    chosen: bool
    load_fraction: float
    warm_since: float | None
    last_used: float | None
    live_requests: int
    waiting_requests: int
    answers: int
    tokens_per_second: float | None
    rss_bytes: int | None
    loaded: LoadedInfo | None
    build: BuildInfo | None
    restarts: int
    problem: ErrorInfo | None
    prompt_tokens: int = 0
    cached_tokens: int = 0
    unload_at: float | None = None
    keep_for_s: float | None = None


class ApiStatus(Body, frozen=True):
    """`address` is the TCP base URL, empty while TCP is off; `problem` says why it is off
    although it was asked for."""

    socket: str
    address: str
    problem: ErrorInfo | None


class Status(Body, frozen=True):
    version: str
    pid: int
    started_at: float
    stopping: bool
    home: str
    log_file: str
    chosen: str
    model_count: int
    models_folder: str
    workers: tuple[WorkerStatus, ...]
    api: ApiStatus
    rss_bytes: int


class TcpRequest(Body, frozen=True):
    """The body of POST /hob/v1/api. `port` None keeps the configured one."""

    enabled: bool
    port: int | None = None
    allow_file: bool = False


class TokenReply(Body, frozen=True):
    token: str
    where: Literal["keyring", "file"]
    address: str


class StopRequest(Body, frozen=True):
    """The body of POST /hob/v1/stop, the same as SIGTERM for whoever cannot send signals."""
