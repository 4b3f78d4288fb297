"""As much HTTP/1.1 as the daemon's socket needs: one request on a connection, its answer as a
stream.

The standard library's http.client would do, but importing it (with email and ssl behind it) takes
about 30 ms, a fifth of what all of `hob status` may take.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hob.client.transport import Transport
from hob.errors import DaemonUnreachable

_MAX_LINE_BYTES = 64 * 1024
_MAX_HEADERS = 100
_MAX_BODY_BYTES = 64 * 2**20

_NOT_HOB = "What answers at Hob's address does not answer as Hob would."
_BROKE_OFF = "Hob ended the connection before its answer was complete."
_SEE_LOGS = "`hob logs` shows why; `hob status` shows whether it runs again."


class Reply:
    """The answer to one request: its status and headers, and the body as it comes."""

    def __init__(self, transport: Transport) -> None:
        """Read the head. Raises DaemonUnreachable when no proper answer comes."""
        self._source = _Source(transport)
        self._transport = transport
        self.status = self._read_status()
        self.headers = self._read_headers()

    @property
    def content_type(self) -> str:
        """Such as `application/json`, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def pieces(self) -> Iterator[bytes]:
        """The body, each piece as soon as it is here.

        Raises DaemonUnreachable when the connection ends before the body does.
        """
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            return self._chunks()
        if (length := self.headers.get("content-length")) is not None:
            return self._exactly(_number(length, 10))
        return self._until_end()

    def read(self) -> bytes:
        """The whole body. Raises DaemonUnreachable, also when it is over 64 MiB."""
        body = bytearray()
        for piece in self.pieces():
            body += piece
            if len(body) > _MAX_BODY_BYTES:
                raise DaemonUnreachable(_NOT_HOB)
        return bytes(body)

    def interrupt(self) -> None:
        """End the body from another thread."""
        self._transport.interrupt()

    def close(self) -> None:
        """Hang up; the daemon stops working on the request."""
        self._transport.close()

    def _read_status(self) -> int:
        version, _, rest = self._source.line().partition(" ")
        code = rest[:3]
        if version not in {"HTTP/1.1", "HTTP/1.0"} or not code.isdecimal():
            raise DaemonUnreachable(_NOT_HOB, hint="`hob restart` starts it anew.")
        return int(code)

    def _read_headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        while line := self._source.line():
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
            if len(headers) > _MAX_HEADERS:
                raise DaemonUnreachable(_NOT_HOB)
        return headers

    def _chunks(self) -> Iterator[bytes]:
        while size := _number(self._source.line().partition(";")[0], 16):
            yield from self._exactly(size)
            self._source.line()
        while self._source.line():
            pass

    def _exactly(self, left: int) -> Iterator[bytes]:
        while left:
            piece = self._source.some(left)
            left -= len(piece)
            yield piece

    def _until_end(self) -> Iterator[bytes]:
        while piece := self._source.rest():
            yield piece


def send_request(
    transport: Transport, method: str, target: str, headers: Mapping[str, str], body: bytes | None
) -> Reply:
    """Send one request and read the head of its answer.

    Raises DaemonUnreachable. The caller closes the transport.
    """
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", "Connection: close"]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    head = "\r\n".join([*lines, "", ""]).encode("latin-1")
    try:
        transport.send(head + (body or b""))
    except TimeoutError as error:
        raise _too_slow() from error
    except OSError:
        # The daemon may refuse a request before it has read all of it, and close. Its answer, if
        # there is one, tells more than the failed write; if there is none, reading fails too.
        return Reply(transport)
    return Reply(transport)


class _Source:
    """Lines and bytes from a transport."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._buffer = bytearray()

    def line(self) -> str:
        """The next line, without its end."""
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > _MAX_LINE_BYTES:
                raise DaemonUnreachable(_NOT_HOB)
            self._fill()
        line = self._buffer[:end]
        del self._buffer[: end + 1]
        return line.removesuffix(b"\r").decode("latin-1")

    def some(self, most: int) -> bytes:
        """At least one byte and at most `most`."""
        if not self._buffer:
            self._fill()
        piece = bytes(self._buffer[:most])
        del self._buffer[:most]
        return piece

    def rest(self) -> bytes:
        """What comes next; empty at the end of the stream."""
        piece = bytes(self._buffer) or self._receive()
        self._buffer.clear()
        return piece

    def _fill(self) -> None:
        data = self._receive()
        if not data:
            raise DaemonUnreachable(_BROKE_OFF, hint=_SEE_LOGS)
        self._buffer += data

    def _receive(self) -> bytes:
        try:
            return self._transport.receive()
        except TimeoutError as error:
            raise _too_slow() from error
        except OSError as error:
            raise DaemonUnreachable(_BROKE_OFF, hint=_SEE_LOGS) from error


def _too_slow() -> DaemonUnreachable:
    return DaemonUnreachable("Hob does not answer in time.", hint="`hob restart` starts it anew.")


def _number(text: str, base: int) -> int:
    try:
        number = int(text.strip(), base)
    except ValueError as error:
        raise DaemonUnreachable(_NOT_HOB) from error
    if number < 0:
        raise DaemonUnreachable(_NOT_HOB)
    return number
