"""What the daemon and the child that talks to the hub say to each other: one order on its stdin,
then lines of JSON on its stdout, the last of which is a result."""

from __future__ import annotations

import msgspec

from hob.wire.base import ErrorInfo, Value
from hob.wire.pulls import HubModel, PullProgress

# Inside the models folder, so that a file goes to its place in one step; no scan visits it.
PARTIAL_FOLDER = ".pulls"


class Limits(Value, frozen=True):
    """How patient a download is; see net.Net. Times in seconds."""

    stall_s: float = 30.0
    attempts: int = 6
    retry_wait_s: float = 1.0


class PullOrder(Value, frozen=True, tag="pull"):
    """Fetch `source` into `folder`; what is not whole yet lies in its hidden folder `id`."""

    id: str
    source: str
    folder: str


class SearchOrder(Value, frozen=True, tag="search"):
    text: str
    limit: int


class ListOrder(Value, frozen=True, tag="list"):
    """What are the files of `repo`, as they are now?"""

    repo: str


class AccountOrder(Value, frozen=True, tag="account"):
    """Whose token is it?"""


Task = PullOrder | SearchOrder | ListOrder | AccountOrder


class Order(Value, frozen=True):
    """`token` is empty for none. It comes by stdin alone: arguments and the environment of a
    process can be read by others."""

    task: Task
    hub: str
    token: str = ""
    limits: Limits = Limits()

    def __repr__(self) -> str:
        return f"Order({self.task})"  # whoever logs it must not log the token


class FetchedFile(Value, frozen=True):
    """`sha256` is empty when nobody told it and it was not computed."""

    path: str
    sha256: str


class Fetched(Value, frozen=True, tag="fetched", tag_field="event"):
    """The files that are in place now, the model's first one first; `source` says who vouches for
    the digests."""

    files: tuple[FetchedFile, ...]
    source: str
    already_there: bool = False


class Found(Value, frozen=True, tag="found", tag_field="event"):
    models: tuple[HubModel, ...]


class Listed(Value, frozen=True, tag="listed", tag_field="event"):
    """The SHA-256 of each file that has one, by its path in the repository."""

    digests: dict[str, str]


class Account(Value, frozen=True, tag="account", tag_field="event"):
    name: str


class Failed(Value, frozen=True, tag="failed", tag_field="event"):
    error: ErrorInfo


Result = Fetched | Found | Listed | Account | Failed
Line = PullProgress | Result

encoder = msgspec.json.Encoder()
line_decoder: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)
order_decoder: msgspec.json.Decoder[Order] = msgspec.json.Decoder(Order)
