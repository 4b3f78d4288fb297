"""How a download reaches a server, and which servers it may be led to.

A server cannot send a request to another scheme or into the private network, have the token sent
to another host, or have anything unpacked.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any
from urllib.parse import urlsplit

from hob.errors import DownloadError

_HEADERS = {"User-Agent": "hob", "Accept-Encoding": "identity"}
RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
# The head of an answer may take this many times the stall limit.
_STALLS = 2
_DEFAULT_PORTS = {"https": 443, "http": 80}

# How often a question is asked for which nothing was fetched yet.
QUESTION_ATTEMPTS = 3

Origin = tuple[str, str, int]


class NotThere(DownloadError):
    """The server answers and does not have the file."""


class Refused(DownloadError):
    """The server answers and does not give the file; `details` has the status."""


class Interrupted(Exception):
    """The connection broke; another try may go on from where it was."""


# Named by Hob itself and proven by their certificates, so they may lie anywhere: many companies
# answer for them from a mirror inside their own network.
KNOWN_HOSTS = frozenset({"pypi.org", "files.pythonhosted.org"})


def origin_of(url: str) -> Origin:
    """Scheme, host and port. Raises DownloadError for what is no address of a web server."""
    try:
        parts = urlsplit(url)
        scheme, host = parts.scheme.lower(), (parts.hostname or "").lower()
        port = parts.port or _DEFAULT_PORTS.get(scheme, 0)
    except ValueError as error:
        raise bad_address() from error
    if not host or not port:
        raise bad_address()
    return scheme, host, port


def require_public_https(url: str) -> None:
    """Refuse what is not HTTPS, or leads into a private network. Raises DownloadError.

    A name that leads elsewhere a moment later gains nothing: whoever answers there must still
    prove by a certificate that it is that host.
    """
    scheme, host, port = origin_of(url)
    if scheme != "https":
        raise bad_address()
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


def allow_also(endpoint: str) -> Callable[[str], None]:
    """A check that lets requests go to the public web by HTTPS, and to `endpoint`, which the
    person has set and which may be a mirror in their own network."""
    home = origin_of(endpoint)

    def check(url: str) -> None:
        if origin_of(url) != home:
            require_public_https(url)

    return check


def bad_address() -> DownloadError:
    return DownloadError(
        "The download was led to an address that is not HTTPS, so it was stopped.",
        hint="Try again later; if it stays so, something on the network is interfering.",
    )


@dataclass(frozen=True)
class Bearer:
    """A token, and the only origin that gets it."""

    origin: Origin
    token: str

    def __repr__(self) -> str:
        return f"Bearer({self.origin}, ...)"


@dataclass(frozen=True)
class Net:
    """How to reach servers; times in seconds.

    `check` is asked before every request and redirect. A connection that brings nothing for
    `stall_s`, or under `least_rate` bytes a second over that time, counts as broken. After a
    failure the next of `attempts` waits `retry_wait_s`, and each one after that twice as long.
    """

    check: Callable[[str], None] = require_public_https
    stall_s: float = 30.0
    least_rate: int = 512
    attempts: int = 4
    retry_wait_s: float = 1.0
    bearer: Bearer | None = None


def read_small(url: str, accept: str, limit: int, net: Net) -> bytes:
    """A small document of at most `limit` bytes. Raises DownloadError."""
    try:
        with open_url(url, {"Accept": accept}, net) as response:
            body: bytes = response.read(limit + 1)
    except (Interrupted, OSError, http.client.HTTPException) as error:
        raise DownloadError(
            f"{urlsplit(url).hostname} could not be asked: {reason(error)}.",
            hint="Check the internet connection and try again.",
        ) from error
    if len(body) > limit:
        raise DownloadError(
            f"The answer of {urlsplit(url).hostname} is too large.",
            hint="Try again later, or without the proxy.",
        )
    return body


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirect only to where a request might go in the first place, and takes the token
    along only within its own origin."""

    def __init__(self, net: Net) -> None:
        self._net = net

    def redirect_request(  # noqa: PLR0917 (the base class's signature)
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        self._net.check(newurl)
        following = super().redirect_request(req, fp, code, msg, headers, newurl)
        if following is not None:
            _authorize(following, self._net)
        return following


@contextlib.contextmanager
def _deadline(connection: http.client.HTTPConnection, limit_s: float) -> Iterator[None]:
    """Hang up when the head of an answer comes so slowly that no wait for a piece of it is long."""

    def hang_up() -> None:
        if connection.sock is not None:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(limit_s, hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


class _Connection(http.client.HTTPConnection):
    def getresponse(self) -> http.client.HTTPResponse:
        with _deadline(self, _STALLS * (self.timeout or 0.0)):
            return super().getresponse()


class _SafeConnection(http.client.HTTPSConnection):
    def getresponse(self) -> http.client.HTTPResponse:
        with _deadline(self, _STALLS * (self.timeout or 0.0)):
            return super().getresponse()


class _HttpHandler(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_Connection, req)


class _HttpsHandler(urllib.request.HTTPSHandler):
    def __init__(self) -> None:
        self._trust = ssl.create_default_context()
        super().__init__(context=self._trust)

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_SafeConnection, req, context=self._trust)


def _authorize(request: urllib.request.Request, net: Net) -> None:
    # As an unredirected header, which urllib itself never carries over to the next request.
    if net.bearer and origin_of(request.full_url) == net.bearer.origin:
        request.add_unredirected_header("Authorization", f"Bearer {net.bearer.token}")


def open_url(url: str, headers: dict[str, str], net: Net) -> Any:  # noqa: ANN401 (urllib's)
    """The answer to a request, once it is a success.

    Raises Interrupted when another try may help, else DownloadError.
    """
    net.check(url)
    request = urllib.request.Request(url, headers=_HEADERS | headers)  # noqa: S310
    _authorize(request, net)
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        _HttpHandler(),
        _HttpsHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirects(net),
    ):
        opener.add_handler(handler)
    try:
        return opener.open(request, timeout=net.stall_s)
    except urllib.error.HTTPError as error:
        error.close()
        raise _refused(request.host, error.code) from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            raise unproven(request.host, error.reason.verify_message) from error
        raise Interrupted(reason(error)) from error
    except ValueError as error:
        raise bad_address() from error
    except (OSError, http.client.HTTPException) as error:
        raise Interrupted(reason(error)) from error


def unproven(host: str, why: str) -> DownloadError:
    """For a server whose certificate does not hold."""
    return DownloadError(
        f"{host} could not prove who it is: {why.rstrip('.')}.",
        hint="Behind a company's proxy, set SSL_CERT_FILE to the company's certificates.",
    )


def _refused(host: str, status: int) -> Exception:
    if status in RETRIED:
        return Interrupted(f"{host} answered {status}")
    if status in (404, 410):
        return NotThere(f"{host} does not have the file.", hint="Update Hob and try again.")
    if 300 <= status < 400:
        return DownloadError(
            f"{host} sends the download round in circles or to a forbidden place ({status}).",
            hint="Try again later; if it stays so, something on the network is interfering.",
        )
    return Refused(
        f"{host} refused the download ({status}).",
        hint="Try again later, or from another network.",
        status=status,
    )


def reason(error: Exception) -> str:
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
