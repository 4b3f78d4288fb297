"""How the client asks: one connection for each request, and streams that it can close."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self, TypeVar

import msgspec

from hob.client.http import Reply, send_request
from hob.client.replies import decode_error, decode_reply
from hob.client.transport import connect

if TYPE_CHECKING:
    # Imported when the first stream begins: most commands never have one.
    from hob.client.interrupt import Interrupt
    from hob.client.stream import Stream

DEFAULT_TIMEOUT_S = 10.0

T = TypeVar("T")
S = TypeVar("S", bound="Stream[object]")
Method = Literal["GET", "POST"]


class Caller:
    """What all requests of the client have in common; see Client for the arguments."""

    def __init__(self, socket_path: Path, timeout: float = DEFAULT_TIMEOUT_S) -> None:
        self._path = socket_path
        self._timeout = timeout
        self._streams: weakref.WeakSet[Stream[object]] = weakref.WeakSet()

    def close(self) -> None:
        """Close the streams that are still open."""
        for stream in list(self._streams):
            stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _call(
        self,
        method: Method,
        target: str,
        shape: type[T],
        body: object = None,
        *,
        waits: bool = False,
    ) -> T:
        """One request and its reply; `waits` for those that may wait for a model or a person."""
        return decode_reply(self._request(method, target, body, waits=waits), shape)

    def _request(
        self,
        method: Method,
        target: str,
        body: object,
        *,
        waits: bool = False,
        interrupt: Interrupt | None = None,
    ) -> bytes:
        timeout = None if waits else self._timeout
        reply = self._send(method, target, body, headers={}, timeout=timeout, interrupt=interrupt)
        try:
            data = reply.read()
        finally:
            reply.close()
        if reply.status >= 400:
            raise decode_error(data)
        return data

    def _open(
        self,
        method: Method,
        target: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        *,
        interrupt: Interrupt | None = None,
    ) -> Reply:
        """Begin a stream. Raises what the daemon says instead of one."""
        reply = self._send(
            method, target, body, headers=headers or {}, timeout=timeout, interrupt=interrupt
        )
        if reply.status < 400 and reply.content_type == "text/event-stream":
            return reply
        try:
            data = reply.read()
        finally:
            reply.close()
        raise decode_error(data)

    def _send(
        self,
        method: Method,
        target: str,
        body: object,
        *,
        headers: Mapping[str, str],
        timeout: float | None,
        interrupt: Interrupt | None = None,
    ) -> Reply:
        transport = connect(self._path, self._timeout)
        try:
            if interrupt is not None:
                interrupt.attach(transport)
            transport.set_timeout(timeout)
            data = None if body is None else msgspec.json.encode(body)
            return send_request(transport, method, target, headers, data)
        except BaseException:
            # Ctrl-C while waiting for the answer included: hanging up takes the request back.
            transport.close()
            raise

    def _stream(self, stream: S) -> S:
        self._streams.add(stream)
        return stream
