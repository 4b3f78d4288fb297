"""Downloads of models, and what the hub offers."""

from __future__ import annotations

from typing import Literal

from hob.wire.base import Body, ErrorInfo, Value
from hob.wire.models import ModelInfo

PullState = Literal["waiting", "running", "done", "failed", "cancelled"]


class PullRequest(Value, frozen=True):
    """The body of /hob/v1/models/pull.

    `source` is `starter`, `hf:ORG/REPO`, `hf:ORG/REPO:QUANT`, the address of a file or repository
    on the hub, or the https address of a GGUF file. With `detach` the reply is the download as it
    begins, and it goes on when the client leaves.
    """

    source: str
    detach: bool = False


class PullProgress(Value, frozen=True, tag="progress", tag_field="event"):
    """`total_bytes` is 0 while it is not known. `stage` is one word for a person: look, download,
    verify... `bytes_per_second` and `left_s` are None while they are not known."""

    stage: str
    done_bytes: int = 0
    total_bytes: int = 0
    bytes_per_second: float | None = None
    left_s: float | None = None


class PullDone(Value, frozen=True, tag="done", tag_field="event"):
    model: ModelInfo
    already_there: bool = False


class PullFailed(Value, frozen=True, tag="error", tag_field="event"):
    error: ErrorInfo


PullEvent = PullProgress | PullDone | PullFailed


class PullRef(Value, frozen=True):
    """The body of resume."""

    id: str


class PullCancel(Value, frozen=True):
    """The body of cancel. What was fetched is kept, unless `discard`, which also forgets it."""

    id: str
    discard: bool = False


class PullEntry(Body, frozen=True):
    """A download that the daemon knows of; `id` is stable over its restarts."""

    id: str
    source: str
    state: PullState
    progress: PullProgress | None = None
    model: str = ""
    error: ErrorInfo | None = None


class PullList(Body, frozen=True):
    pulls: tuple[PullEntry, ...]


class SearchRequest(Value, frozen=True):
    """The body of /hob/v1/models/search."""

    text: str
    limit: int = 20


class HubFile(Value, frozen=True):
    """A model that can be pulled as `source`: one file, or all parts of a split one."""

    source: str
    quantization: str
    size_bytes: int


class HubModel(Value, frozen=True):
    """A repository of the hub that holds GGUF files; `gated`: it wants a login and consent."""

    repo: str
    downloads: int = 0
    likes: int = 0
    license: str = ""
    gated: bool = False
    updated: str = ""
    files: tuple[HubFile, ...] = ()


class SearchReply(Body, frozen=True):
    models: tuple[HubModel, ...]


class LoginRequest(Value, frozen=True):
    """The body of /hob/v1/login: the hub's token goes into the keyring; empty takes it out."""

    token: str
    service: Literal["hf"] = "hf"


class LoginReply(Body, frozen=True):
    """`name` is the account, empty after a logout; not `verified` when the hub could not be asked
    for it."""

    name: str
    verified: bool = True
