"""An HTTP server on loopback that serves one archive, well or in any wrong way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from hob.errors import DownloadError


class Request(BaseHTTPRequestHandler):
    """One request; behaviours write to it as they like."""

    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.seen.append((self.path, dict(self.headers)))
        self.close_connection = True
        path = self.path.partition("?")[0]
        self.server.behaviours.get(path, answer(404))(self)

    def log_message(self, *args: object) -> None:
        """Nothing: the tests look at `seen`."""

    def start(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Connection", "close")
        self.end_headers()


Behaviour = Callable[[Request], None]


class Server(ThreadingHTTPServer):
    """`behaviours` by path; `seen` holds the path and headers of each request; `released` lets
    the behaviours that hang go on."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.behaviours: dict[str, Behaviour] = {}
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.released = threading.Event()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"

    def handle_error(self, *args: object) -> None:
        """Nothing: clients that leave early are part of the tests."""

    def allow(self, url: str) -> None:
        """The check of a Net that may go to this server and nowhere else."""
        parts = urlsplit(url)
        if (parts.scheme, parts.netloc) != ("http", f"127.0.0.1:{self.server_port}"):
            raise DownloadError("The download was led to a forbidden place.")


@contextmanager
def evil_server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


def serve(content: bytes, ranges: bool = True) -> Behaviour:
    """As a good server does."""

    def behave(request: Request) -> None:
        wanted = request.headers.get("Range")
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and ranges else 0
        length = str(len(content) - start)
        if start:
            last = f"bytes {start}-{len(content) - 1}/{len(content)}"
            request.start(206, Content_Length=length, Content_Range=last)
        else:
            request.start(200, Content_Length=length)
        request.wfile.write(content[start:])

    return behave


def answer(status: int, body: bytes = b"", **headers: str) -> Behaviour:
    def behave(request: Request) -> None:
        request.start(status, **({"Content_Length": str(len(body))} | headers))
        request.wfile.write(body)

    return behave


def cut(content: bytes, after: int) -> Behaviour:
    """Promise everything and send `after` bytes of it."""

    def behave(request: Request) -> None:
        request.start(200, Content_Length=str(len(content)))
        request.wfile.write(content[:after])

    return behave


def endless(chunk: bytes = bytes(65536)) -> Behaviour:
    def behave(request: Request) -> None:
        request.start(200)
        while not request.server.released.is_set():
            request.wfile.write(chunk)

    return behave


def hang(content: bytes, after: int) -> Behaviour:
    """Send `after` bytes and then nothing, with the connection open."""

    def behave(request: Request) -> None:
        request.start(200, Content_Length=str(len(content)))
        request.wfile.write(content[:after])
        request.wfile.flush()
        request.server.released.wait()

    return behave


def trickle(content: bytes) -> Behaviour:
    """One byte at a time, far too slowly to end."""

    def behave(request: Request) -> None:
        request.start(200, Content_Length=str(len(content)))
        for byte in content:
            if request.server.released.wait(0.02):
                return
            request.wfile.write(bytes([byte]))
            request.wfile.flush()

    return behave


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """One after the other, request by request; the last one for good."""
    left = list(behaviours)

    def behave(request: Request) -> None:
        (left.pop(0) if len(left) > 1 else left[0])(request)

    return behave
