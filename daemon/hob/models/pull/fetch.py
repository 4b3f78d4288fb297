"""Fetching one file over HTTPS, with resume, from servers that may be broken or hostile.

The caller knows the file's exact size. A server cannot make Hob write more than that, wait for
ever, follow a redirect to another scheme or into the private network, or unpack anything.
"""

from __future__ import annotations

import errno
import http.client
import ipaddress
import re
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from hob.errors import Cancelled, DiskFull, DownloadError

CHUNK_BYTES = 256 * 1024
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)$")
_HEADERS = {"User-Agent": "hob", "Accept-Encoding": "identity"}
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})


class NotThere(DownloadError):
    """The server answers and does not have the file."""


class _Interrupted(Exception):
    """The connection broke; another try may go on from where it was."""


# Named by Hob itself and proven by their certificates, so they may lie anywhere: many companies
# answer for them from a mirror inside their own network.
KNOWN_HOSTS = frozenset({"pypi.org", "files.pythonhosted.org"})


def require_public_https(url: str) -> None:
    """Refuse what is not HTTPS, or leads into a private network. Raises DownloadError."""
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme, parts.hostname or "", parts.port or 443
    except ValueError as error:
        raise _bad_address() from error
    if scheme != "https" or not host:
        raise _bad_address()
    if host in KNOWN_HOSTS and port == 443:
        return
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        # Behind a proxy names need not resolve here; the connection will tell.
        return
    for entry in found:
        if not ipaddress.ip_address(str(entry[4][0]).partition("%")[0]).is_global:
            raise DownloadError(
                f"{host} leads into a private network, so the download was stopped.",
                hint="Try again later; if it stays so, something on the network is interfering.",
            )


def _bad_address() -> DownloadError:
    return DownloadError(
        "The download was led to an address that is not HTTPS, so it was stopped.",
        hint="Try again later; if it stays so, something on the network is interfering.",
    )


@dataclass(frozen=True)
class Net:
    """How to reach servers; times in seconds.

    `check` is asked before every request and redirect. A connection that brings nothing for
    `stall_s`, or under `least_rate` bytes a second over that time, counts as broken.
    """

    check: Callable[[str], None] = require_public_https
    stall_s: float = 30.0
    least_rate: int = 512
    attempts: int = 4
    retry_wait_s: float = 1.0


def download(
    url: str,
    part: Path,
    size: int,
    *,
    net: Net,
    report: Callable[[int], None],
    wait_cancelled: Callable[[float], bool],
) -> None:
    """Fetch `url`, which is `size` bytes long, into `part`, going on from what is there.

    `report` is told the bytes that are there so far. `wait_cancelled` waits for that many seconds
    at most and says whether the caller has left. Raises DownloadError, DiskFull or Cancelled.
    """
    tries = 0
    while (have := _length(part)) != size:
        if have > size:
            part.unlink()
        try:
            _fetch_rest(url, part, size, net=net, report=report, wait_cancelled=wait_cancelled)
        except _Interrupted as broken:
            # A try that brought something counts as a fresh start.
            tries = 1 if _length(part) > have else tries + 1
            if tries >= net.attempts:
                raise DownloadError(
                    f"The download of {urlsplit(url).hostname} broke off: {broken}.",
                    hint="Check the internet connection and try again; it goes on from there.",
                    done_bytes=_length(part),
                    total_bytes=size,
                ) from broken
            if wait_cancelled(net.retry_wait_s):
                raise Cancelled("The download was stopped.") from None


def read_small(url: str, accept: str, limit: int, net: Net) -> bytes:
    """A small document of at most `limit` bytes. Raises DownloadError."""
    try:
        with _open(url, {"Accept": accept}, net) as response:
            body: bytes = response.read(limit + 1)
    except (_Interrupted, OSError, http.client.HTTPException) as error:
        raise DownloadError(
            f"{urlsplit(url).hostname} could not be asked: {_reason(error)}.",
            hint="Check the internet connection and try again.",
        ) from error
    if len(body) > limit:
        raise DownloadError(
            f"The answer of {urlsplit(url).hostname} is too large.",
            hint="Try again later, or without the proxy.",
        )
    return body


def _fetch_rest(
    url: str,
    part: Path,
    size: int,
    *,
    net: Net,
    report: Callable[[int], None],
    wait_cancelled: Callable[[float], bool],
) -> None:
    """One try: ask for what is missing and append it."""
    have = _length(part)
    with _open(url, {"Range": f"bytes={have}-"} if have else {}, net) as response:
        start = _check_answer(response.status, response.headers, have, size)
        if start != have:
            part.unlink()
        with _appending(part) as file:
            pace = _Pace(net, start)
            done = start
            report(done)
            while chunk := _read(response, min(CHUNK_BYTES, size - done + 1)):
                done += len(chunk)
                if done > size:
                    file.truncate(0)
                    raise DownloadError(
                        "The server sends more than the model's size, so the download was stopped.",
                        hint="Try again later; something on the way changes the file.",
                    )
                _write(file, chunk)
                report(done)
                if wait_cancelled(0):
                    raise Cancelled("The download was stopped.")
                pace.check(done)
    if done < size:
        raise _Interrupted("the server closed the connection early")


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirect only to where a request might go in the first place."""

    def __init__(self, check: Callable[[str], None]) -> None:
        self._check = check

    def redirect_request(  # noqa: PLR0917 (the base class's signature)
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        self._check(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _open(url: str, headers: dict[str, str], net: Net) -> Any:  # noqa: ANN401 (urllib's response)
    """The answer to a request, once it is a success.

    Raises _Interrupted when another try may help, else DownloadError.
    """
    net.check(url)
    request = urllib.request.Request(url, headers=_HEADERS | headers)  # noqa: S310
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(context=ssl.create_default_context()),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirects(net.check),
    ):
        opener.add_handler(handler)
    try:
        return opener.open(request, timeout=net.stall_s)
    except urllib.error.HTTPError as error:
        error.close()
        raise _refused(request.host, error.code) from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            raise DownloadError(
                f"{request.host} could not prove who it is: {error.reason.verify_message}.",
                hint="Behind a company's proxy, set SSL_CERT_FILE to the company's certificates.",
            ) from error
        raise _Interrupted(_reason(error)) from error
    except ValueError as error:
        raise _bad_address() from error
    except (OSError, http.client.HTTPException) as error:
        raise _Interrupted(_reason(error)) from error


def _refused(host: str, status: int) -> Exception:
    if status in _RETRIED:
        return _Interrupted(f"{host} answered {status}")
    if status in (404, 410):
        return NotThere(f"{host} does not have the file.", hint="Update Hob and try again.")
    if 300 <= status < 400:
        return DownloadError(
            f"{host} sends the download round in circles or to a forbidden place ({status}).",
            hint="Try again later; if it stays so, something on the network is interfering.",
        )
    return DownloadError(
        f"{host} refused the download ({status}).", hint="Try again later, or from another network."
    )


def _check_answer(status: int, headers: Message, have: int, size: int) -> int:
    """Where in the file the body of an answer begins. Raises DownloadError or _Interrupted."""
    if (headers.get("Content-Encoding") or "identity").lower() != "identity":
        raise DownloadError(
            "The server packs the file in a way that was not asked for.",
            hint="Try again later, or without the proxy.",
        )
    start = 0
    if status == 206:
        found = _CONTENT_RANGE.match(headers.get("Content-Range") or "")
        if not found or (int(found[1]), int(found[2])) != (have, size):
            raise DownloadError(
                "The server answered with another part of the file than was asked for.",
                hint="Try again later, or without the proxy.",
            )
        start = have
    length = headers.get("Content-Length")
    if length is not None and length != str(size - start):
        raise DownloadError(
            f"The server offers a file of another size than the model's {size:,} bytes.",
            hint="Try again later; something on the way changes the file.",
        )
    return start


class _Pace:
    """Tells a connection that trickles from one that is merely slow."""

    def __init__(self, net: Net, done: int) -> None:
        self._net = net
        self._since = time.monotonic()
        self._from = done

    def check(self, done: int) -> None:
        elapsed = time.monotonic() - self._since
        if elapsed < self._net.stall_s:
            return
        if done - self._from < self._net.least_rate * elapsed:
            raise _Interrupted("the connection is too slow to finish")
        self._since, self._from = time.monotonic(), done


def _read(response: Any, count: int) -> bytes:  # noqa: ANN401 (urllib's response)
    try:
        data: bytes = response.read1(count)
    except (OSError, http.client.HTTPException) as error:
        raise _Interrupted(_reason(error)) from error
    return data


def _appending(part: Path) -> IO[bytes]:
    try:
        return part.open("ab", buffering=0)
    except OSError as error:
        raise cannot_write(error, part.parent) from error


def _write(file: IO[bytes], data: bytes) -> None:
    view = memoryview(data)
    try:
        while view:
            view = view[file.write(view) :]
    except OSError as error:
        raise cannot_write(error, Path(file.name).parent) from error


def cannot_write(error: OSError, folder: Path) -> DownloadError:
    """What failed when a file in `folder` could not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(
            f"The disk is full; the download in {folder} was stopped.",
            hint="Make room and try again; it goes on from where it stopped.",
        )
    return DownloadError(
        f"Nothing can be written into {folder}: {error.strerror or error}.",
        hint="Change the folder's permissions, or set another models folder.",
    )


def _length(part: Path) -> int:
    try:
        return part.stat().st_size
    except FileNotFoundError:
        return 0


def _reason(error: Exception) -> str:
    """Why a connection failed, in a person's words."""
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, socket.gaierror):
        return "the server's name is not known here, perhaps there is no internet connection"
    if isinstance(cause, TimeoutError):
        return "the server stopped answering"
    if isinstance(cause, http.client.HTTPException):
        return "the server's answer was broken"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror.lower()
    return str(cause) or type(cause).__name__
