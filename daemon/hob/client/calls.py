"""What the parts of the client are given to talk with; `Client` is all of them together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

if TYPE_CHECKING:
    from hob.client.http import Reply
    from hob.client.stream import Stream

T = TypeVar("T")
S = TypeVar("S", bound="Stream[object]")


class Calls(Protocol):
    """See `Client`, which has these."""

    def _call(
        self,
        method: Literal["GET", "POST"],
        target: str,
        shape: type[T],
        body: object = None,
        *,
        waits: bool = False,
    ) -> T: ...

    def _open(
        self,
        method: Literal["GET", "POST"],
        target: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Reply: ...

    def _stream(self, stream: S) -> S: ...
