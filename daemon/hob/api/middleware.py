"""Around every request: errors become envelopes, and one log entry tells how it went."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from hob.api.auth import VIA
from hob.api.envelopes import (
    dialect_of,
    error_response,
    from_http,
    internal_error,
    render_error,
)
from hob.api.sse import STREAM, EventStream
from hob.errors import HobError

_log = logging.getLogger("hob.api")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The outermost middleware: nothing but a response or a cancellation leaves it."""
    started = time.perf_counter()
    problem = ""
    try:
        response = await handler(request)
    except asyncio.CancelledError:
        _record(request, None, "left", started)
        raise
    except ConnectionError:
        # The client is gone, so nobody reads this; aiohttp wants a response all the same.
        problem = "left"
        stream: EventStream | None = request.get(STREAM)
        response = stream.response if stream else web.Response(status=400)
    except Exception as raised:
        error = _as_hob_error(raised, request)
        problem = error.code
        response = await _tell(request, error)
    _record(request, response.status, problem, started)
    return response


def _as_hob_error(raised: Exception, request: web.Request) -> HobError:
    if isinstance(raised, HobError):
        return raised
    if isinstance(raised, web.HTTPException):
        return from_http(raised, request.method, request.path)
    _log.error("a request failed in a way nobody foresaw", exc_info=raised)
    return internal_error()


async def _tell(request: web.Request, error: HobError) -> web.StreamResponse:
    """The error as a reply, or inside the stream that has begun."""
    dialect = dialect_of(request.path)
    stream: EventStream | None = request.get(STREAM)
    if stream is None:
        return error_response(error, dialect)
    try:
        return await stream.fail(render_error(error, dialect))
    except ConnectionError:
        return stream.response


def _record(request: web.Request, status: int | None, problem: str, started: float) -> None:
    """One entry, without any text of the request; GETs that went well are for debugging only, and
    so are those whose client left, as every listener to the events does in the end."""
    went_well = problem in ("", "left")
    level = logging.DEBUG if request.method in ("GET", "HEAD") and went_well else logging.INFO
    if not _log.isEnabledFor(level):
        return
    facts: dict[str, object] = {
        "ms": round((time.perf_counter() - started) * 1000, 1),
        "via": request.get(VIA, ""),
    }
    if status is not None:
        facts["status"] = status
    if problem:
        facts["problem"] = problem
    # The path as it was sent: escaped, so that it cannot break out of its line.
    _log.log(level, "%s %s", request.method, request.rel_url.raw_path, extra=facts)
