"""What the hub's library sends its requests by."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import httpx2
import huggingface_hub

from hob.errors import DownloadError
from hob.models.pull.net import RETRIED, Net, bad_address, origin_of, unproven

MAX_TEXT = 200
_MAX_BODY_BYTES = 16 * 2**20
_MAX_REQUESTS = 400
# An answer may take this many times the stall limit as a whole.
_STALLS = 4


class Again(Exception):
    """The hub cannot be asked just now; another try may help."""


class HubClient(httpx2.Client):
    """What huggingface_hub sends its requests by: only to where they may go, the token only to the
    hub itself, and each answer bounded in size and time."""

    def __init__(self, net: Net) -> None:
        self._net = net
        self._asked = 0
        super().__init__(
            event_hooks={"request": [self._check], "response": [self._bound]},
            follow_redirects=True,
            max_redirects=5,
        )

    def send(self, request: httpx2.Request, **options: object) -> httpx2.Response:
        """As it is, with what may be tried again told apart, so that huggingface_hub does not wait
        for as long as a server tells it to."""
        # Closes the connection under an answer that comes in pieces so slowly that no wait for one
        # is long; the next request gets a new client.
        timer = threading.Timer(self._net.stall_s * _STALLS, huggingface_hub.close_session)
        timer.daemon = True
        timer.start()
        try:
            response: httpx2.Response = super().send(request, **options)  # type: ignore[arg-type]
        except httpx2.TooManyRedirects as error:
            raise bad_address() from error
        except httpx2.TransportError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise unproven(request.url.host, "its certificate is not trusted here") from error
            raise Again(_why(error)) from error
        finally:
            timer.cancel()
        if response.status_code in RETRIED:
            response.close()
            raise Again(f"it answered {response.status_code}")
        return response

    def _check(self, request: httpx2.Request) -> None:
        if huggingface_hub.constants.is_offline_mode():
            raise DownloadError(
                "HF_HUB_OFFLINE is set, so the hub is not asked.",
                hint="Unset it and restart the daemon, to fetch models again.",
            )
        url = str(request.url)
        self._asked += 1
        if self._asked > _MAX_REQUESTS:
            raise DownloadError(
                "The hub sends the search from page to page without an end.",
                hint="Try again later, or with other words.",
            )
        self._net.check(url)
        bearer = self._net.bearer
        request.headers.pop("Authorization", None)
        if bearer and origin_of(url) == bearer.origin:
            request.headers["Authorization"] = f"Bearer {bearer.token}"
        # A packed answer could be a thousand times larger than what is counted.
        request.headers["Accept-Encoding"] = "identity"
        stall = self._net.stall_s
        request.extensions["timeout"] = dict.fromkeys(("connect", "read", "write", "pool"), stall)

    def _bound(self, response: httpx2.Response) -> None:
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise DownloadError(
                "The hub packs its answer in a way that was not asked for.",
                hint="Try again later, or without the proxy.",
            )
        assert isinstance(response.stream, httpx2.SyncByteStream)
        response.stream = _Bounded(response.stream, self._net.stall_s * _STALLS)


class _Bounded(httpx2.SyncByteStream):
    """The body of an answer, up to a size and for a time."""

    def __init__(self, stream: httpx2.SyncByteStream, limit_s: float) -> None:
        self._stream = stream
        self._limit_s = limit_s

    def __iter__(self) -> Iterator[bytes]:
        until = time.monotonic() + self._limit_s
        size = 0
        for piece in self._stream:
            size += len(piece)
            if size > _MAX_BODY_BYTES:
                raise DownloadError(
                    "The hub's answer is too large.", hint="Try again later, or without the proxy."
                )
            if time.monotonic() > until:
                raise Again("its answer does not end")
            yield piece

    def close(self) -> None:
        self._stream.close()


def _why(error: httpx2.TransportError) -> str:
    """Why the hub was not reached, in a person's words."""
    if isinstance(error, httpx2.TimeoutException):
        return "it does not answer"
    if isinstance(error, httpx2.ConnectError):
        return "there is no connection to it, perhaps there is no internet"
    return "the connection broke"
