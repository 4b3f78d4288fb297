"""A daemon of threads that gives scripted answers over a real UNIX socket.

It speaks HTTP by hand, so that it can also speak it badly: end in the middle of a chunk, say
nothing, or never end. It keeps what it was asked.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

_PATIENCE_S = 30.0


@dataclass
class Asked:
    """One request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Connection:
    """What a script may do with one connection."""

    sock: socket.socket
    asked: Asked
    daemon: FakeDaemon

    def raw(self, data: bytes) -> None:
        self.sock.sendall(data)

    def head(self, status: int = 200, **headers: str) -> None:
        lines = [f"HTTP/1.1 {status} Whatever"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.raw("\r\n".join([*lines, "", ""]).encode())

    def chunk(self, data: bytes) -> None:
        self.raw(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def wait_until_left(self) -> None:
        """Return when the client has hung up, and tell the test."""
        while self.sock.recv(4096):
            pass
        self.daemon.left.set()


Script = Callable[[Connection], None]


@dataclass
class FakeDaemon:
    """Serves `socket_path` until closed. Routes are scripts; an unknown one gets Hob's 404."""

    socket_path: Path
    routes: dict[tuple[str, str], Script] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)
    problems: list[BaseException] = field(default_factory=list)

    def __enter__(self) -> Self:
        self.socket_path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(self.socket_path))
        self._listener.listen(32)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Be gone, and the socket's file with it."""
        # Closing alone does not wake a thread that waits in accept.
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            return
        self._listener.close()
        self.socket_path.unlink(missing_ok=True)

    def script(self, method: str, target: str, script: Script) -> None:
        self.routes[method, target] = script

    def reply(self, method: str, target: str, value: object, status: int = 200) -> None:
        """Answer with a value as JSON."""
        body = msgspec.json.encode(value)

        def answer(connection: Connection) -> None:
            connection.head(status, Content_Type="application/json", Content_Length=str(len(body)))
            connection.raw(body)

        self.script(method, target, answer)

    def stream(
        self, method: str, target: str, events: Iterable[object], *, then: Script | None = None
    ) -> None:
        """Answer with server-sent events (values become JSON); then end it well, or do `then`."""
        blocks = [sse(event) for event in events]

        def answer(connection: Connection) -> None:
            connection.head(Content_Type="text/event-stream", Transfer_Encoding="chunked")
            for block in blocks:
                connection.chunk(block)
            if then:
                then(connection)
            else:
                connection.chunk(b"")

        self.script(method, target, answer)

    def chat(self, *pieces: str, then: Script | None = None, end: bool = True) -> None:
        """Answer chats with these pieces, a finish, figures and [DONE] unless `end` is False."""
        events: list[object] = [chat_chunk({"content": piece}) for piece in pieces]
        if end:
            events += [chat_end(len(pieces)), USAGE_CHUNK | {"usage": usage(len(pieces))}, "[DONE]"]
        self.stream("POST", "/v1/chat/completions", events, then=then)

    def requests_to(self, target: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.target == target]

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        sock.settimeout(_PATIENCE_S)
        with sock:
            try:
                asked = _read_request(sock)
                if asked is None:
                    return
                self.asked.append(asked)
                script = self.routes.get((asked.method, asked.target), _not_found)
                script(Connection(sock, asked, self))
            except ConnectionError:
                self.left.set()
            except Exception as problem:
                self.problems.append(problem)


def sse(event: object) -> bytes:
    """A value, or a text such as [DONE], as one event."""
    data = event.encode() if isinstance(event, str) else msgspec.json.encode(event)
    return b"data: " + data + b"\n\n"


def chat_chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "tiny",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}],
        "usage": None,
    }


def chat_end(tokens: int, finish: str = "stop") -> dict[str, Any]:
    timings = {"queued_s": 0.0, "prefill_s": 0.1, "decode_s": 0.5, "tokens_per_second": 2.0}
    return chat_chunk({}, finish) | {"timings": timings}


def usage(tokens: int) -> dict[str, Any]:
    return {
        "prompt_tokens": 12,
        "completion_tokens": tokens,
        "total_tokens": 12 + tokens,
        "prompt_tokens_details": {"cached_tokens": 5},
    }


USAGE_CHUNK: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "created": 1,
    "model": "tiny",
    "choices": [],
}


def _not_found(connection: Connection) -> None:
    body = b'{"error":{"code":"route_not_found","message":"There is no such route."}}'
    connection.head(404, Content_Type="application/json", Content_Length=str(len(body)))
    connection.raw(body)


def _read_request(sock: socket.socket) -> Asked | None:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = sock.recv(4096)
        if not piece:
            return None
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(":") for line in lines)
    }
    while len(body) < int(headers.get("content-length", "0")):
        body += sock.recv(4096)
    return Asked(method, target, headers, body)
