"""Who may ask: the middleware that stands before every route, known or not.

On the socket the kernel vouches for the user, and no web page can reach it. TCP is open to every
process and to every page in a browser, so there each request must prove itself: an exact Host
(DNS rebinding), no foreign Origin (cross-site requests), the bearer token, and a JSON body, which
a page cannot send without a preflight that is never granted.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from hob.api.transport import Arrival, arrival, is_own_peer
from hob.errors import (
    AccessError,
    ForbiddenHost,
    ForbiddenOrigin,
    ForbiddenPeer,
    HobError,
    Unauthorized,
    UnsupportedMediaType,
)

_log = logging.getLogger(__name__)

# A program with an old token would otherwise fill the log.
_LOG_EVERY = 100

_HOW_TO_ASK = (
    "Send it as `Authorization: Bearer TOKEN`; `hob env` prints the settings that programs need."
)

# Which way the request came in: "socket" or "tcp".
VIA: Final = web.RequestKey("hob.via", str)


@dataclass(frozen=True)
class TcpPolicy:
    """What a request over TCP must show: one of `hosts` (lower case, with port) and `token`.

    `origins` are the web origins that may ask; there are none unless the user names them.
    """

    hosts: frozenset[str]
    token: str = field(repr=False)
    origins: frozenset[str] = frozenset()


def allowed_hosts(host: str, port: int, extra: Iterable[str] = ()) -> frozenset[str]:
    """The Host headers that mean this listener; `extra` are further names, without a port."""
    own = {"127.0.0.1", "localhost", "[::1]", f"[{host}]" if ":" in host else host}
    names = own | {name.lower() for name in extra}
    hosts = {f"{name}:{port}" for name in names}
    # Clients leave the default port out.
    return frozenset(hosts | names if port == 80 else hosts)


def guard(
    policy: Callable[[], TcpPolicy | None],
    own_peer: Callable[[asyncio.BaseTransport], bool] = is_own_peer,
) -> Middleware:
    """The middleware. `policy` is asked at every request; None means that TCP is turned off.

    Sets `request[VIA]`. Raises AccessError or UnsupportedMediaType.
    """
    refused = _Refusals()

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            request[VIA] = admit(request, policy(), own_peer)
        except AccessError as error:
            refused.count(error)
            raise
        return await handler(request)

    return middleware


def admit(
    request: web.BaseRequest,
    policy: TcpPolicy | None,
    own_peer: Callable[[asyncio.BaseTransport], bool] = is_own_peer,
) -> Arrival:
    """How the request came in, once it has shown that it may; raises HobError when it may not."""
    transport = request.transport
    via = arrival(transport)
    if via == "socket" and transport is not None and own_peer(transport):
        return via
    if via != "tcp":
        raise ForbiddenPeer(
            "Hob answers its own user only, and the program that asks runs as another.",
            hint="Run it as the user who started Hob, or start a Hob of its own.",
        )
    if policy is None:
        raise ForbiddenPeer("Access over TCP is turned off.", hint="Turn it on: `hob api on`.")
    _check_host(request, policy)
    _check_origin(request, policy)
    _check_token(request, policy)
    _check_body_type(request)
    return via


def _only(request: web.BaseRequest, name: str, error: type[HobError]) -> str | None:
    """The header's value, or None without it; two of them are two readings, so neither counts."""
    values = request.headers.getall(name, [])
    if len(values) > 1:
        raise error(
            f"The request has {len(values)} {name} headers, and only one can be meant.",
            hint="Send it once.",
            param=name,
        )
    return values[0] if values else None


def _check_host(request: web.BaseRequest, policy: TcpPolicy) -> None:
    host = _only(request, "Host", ForbiddenHost)
    # An absolute request target names a host of its own, which beats the header.
    if (
        host is None
        or host.lower() not in policy.hosts
        or request.url.raw_authority.lower() not in policy.hosts
    ):
        raise ForbiddenHost(
            "The request names a host that is not this Hob, as a web page that misuses a DNS name "
            "would.",
            hint=f"Use one of these: {', '.join(sorted(policy.hosts))}.",
            param="Host",
        )


def _check_origin(request: web.BaseRequest, policy: TcpPolicy) -> None:
    origin = _only(request, "Origin", ForbiddenOrigin)
    site = _only(request, "Sec-Fetch-Site", ForbiddenOrigin)
    if (origin is not None and origin not in policy.origins) or site not in (
        None,
        "none",
        "same-origin",
    ):
        raise ForbiddenOrigin(
            "The request comes from a web page, and pages may not use Hob.",
            hint="Ask from a program; a page's own server can pass the question on.",
            param="Origin" if origin is not None else "Sec-Fetch-Site",
        )


def _check_token(request: web.BaseRequest, policy: TcpPolicy) -> None:
    """OpenAI's clients send a bearer token, Anthropic's `x-api-key`; each compares in full."""
    scheme, _, credential = (_only(request, "Authorization", Unauthorized) or "").partition(" ")
    bearer = credential.strip() if scheme.lower() == "bearer" else ""
    key = _only(request, "X-Api-Key", Unauthorized) or ""
    # `|`, not `or`: both comparisons are made whatever the first one says.
    if not (_same(bearer, policy.token) | _same(key, policy.token)):
        given = "another token than Hob's" if bearer or key else "no token"
        raise Unauthorized(
            f"The request carries {given}, and over TCP every request needs it.",
            hint=_HOW_TO_ASK,
            param="Authorization",
        )


def _same(given: str, token: str) -> bool:
    """Compare without telling by the time taken how much of it was right."""
    # aiohttp keeps bytes that are not UTF-8 as surrogates.
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), token.encode())


def _check_body_type(request: web.BaseRequest) -> None:
    _only(request, "Content-Type", UnsupportedMediaType)
    if request.body_exists and request.content_type != "application/json":
        raise UnsupportedMediaType(
            f"The body is {request.content_type}, and Hob reads JSON only.",
            hint="Send it with `Content-Type: application/json`.",
            param="Content-Type",
        )


class _Refusals:
    """Counts refused requests and logs the first and then every hundredth; never what was sent."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def count(self, error: AccessError) -> None:
        seen = self._counts.get(error.code, 0)
        self._counts[error.code] = seen + 1
        if seen % _LOG_EVERY == 0:
            _log.warning("refused a request: %s (%d so far)", error.code, seen + 1)
