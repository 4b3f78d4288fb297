"""Errors as HTTP: which status each code gets, and how each dialect wraps it.

native   {"error": {"code", "message", "hint", "param", "details"}}
OpenAI   {"error": {"message", "type", "param", "code", "details"}}, the hint inside the message
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import msgspec
from aiohttp import web

from hob.errors import (
    BodyTooLarge,
    HobError,
    InvalidRequest,
    MethodNotAllowed,
    RouteNotFound,
    UnsupportedMediaType,
)
from hob.wire.base import ErrorInfo, ErrorReply
from hob.wire.openai.replies import OpenAIError, OpenAIErrorReply

Dialect = Literal["native", "openai"]

STATUS: Mapping[str, int] = {
    "internal": 500,
    "bad_request": 400,
    "invalid_request": 400,
    "unsupported_parameter": 400,
    "context_length_exceeded": 400,
    "body_too_large": 413,
    "unsupported_media_type": 415,
    "method_not_allowed": 405,
    "route_not_found": 404,
    "access_denied": 403,
    "unauthorized": 401,
    "forbidden_host": 403,
    "forbidden_origin": 403,
    "forbidden_peer": 403,
    "model_error": 503,
    "model_not_found": 404,
    "model_ambiguous": 409,
    "no_models": 503,
    "bad_model_file": 422,
    "model_load_failed": 503,
    "model_copying": 409,
    "model_quarantined": 422,
    "model_changed": 409,
    "name_taken": 409,
    "profile_invalid": 422,
    "out_of_memory": 507,
    "template_failed": 422,
    "worker_error": 502,
    "worker_died": 502,
    "worker_stalled": 504,
    "worker_start_timeout": 504,
    "worker_unavailable": 503,
    "protocol_error": 502,
    "daemon_error": 503,
    "shutting_down": 503,
    "overloaded": 429,
    "already_running": 409,
    "not_running": 503,
    "daemon_unreachable": 503,
    "start_failed": 503,
    "config_invalid": 400,
    "secret_store_unavailable": 503,
    "download_failed": 502,
    "digest_mismatch": 502,
    "disk_full": 507,
    "not_on_hub": 404,
    "hub_refused": 403,
    "plugin_error": 502,
    "plugin_not_found": 404,
    "action_not_found": 404,
    "tool_not_found": 404,
    "plugin_broken": 502,
    "plugins_unavailable": 503,
    "desktop_error": 503,
    "no_desktop": 503,
    "desktop_refused": 503,
    "clipboard_secret": 403,
    "bad_hotkey": 400,
    # What nginx answers when the client closed the request; the standard has no such status.
    "cancelled": 499,
}

# Asking again may succeed without anything else changing. OpenAI's SDKs retry every 409, 429 and
# 5xx on their own unless told not to, and loading three times what does not fit helps nobody.
_WORTH_RETRYING = frozenset(
    {"shutting_down", "overloaded", "worker_died", "worker_stalled", "cancelled"}
)
_RETRY_AFTER_S: Mapping[str, int] = {"shutting_down": 2, "overloaded": 1}


def dialect_of(path: str) -> Dialect:
    """The dialect that a client of this path understands."""
    return "openai" if path == "/v1" or path.startswith("/v1/") else "native"


def status_of(error: HobError) -> int:
    """The HTTP status of an error."""
    return STATUS[error.code]


def render_error(error: HobError, dialect: Dialect) -> bytes:
    """The envelope as JSON, the same in a reply and inside a stream."""
    if dialect == "native":
        return _encode(ErrorReply(error=ErrorInfo.of(error)))
    status = status_of(error)
    return _encode(
        OpenAIErrorReply(
            error=OpenAIError(
                message=str(error),
                type=_openai_type(status),
                param=error.param or None,
                code=error.code,
                details=dict(error.details) or msgspec.UNSET,
            )
        )
    )


def error_response(error: HobError, dialect: Dialect) -> web.Response:
    """The whole reply, with the headers that the status asks for."""
    headers: dict[str, str] = {}
    if error.code == "unauthorized":
        headers["WWW-Authenticate"] = "Bearer"
    elif isinstance(error, MethodNotAllowed):
        headers["Allow"] = str(error.details.get("allow", ""))
    if error.code in _RETRY_AFTER_S:
        seconds = error.details.get("retry_after", _RETRY_AFTER_S[error.code])
        # The header holds whole seconds.
        headers["Retry-After"] = str(max(1, math.ceil(float(seconds))))
    if error.code not in _WORTH_RETRYING:
        headers["X-Should-Retry"] = "false"
    return web.Response(
        body=render_error(error, dialect),
        status=status_of(error),
        headers=headers,
        content_type="application/json",
    )


def from_http(error: web.HTTPException, method: str, path: str) -> HobError:
    """What aiohttp's own router and parser refuse, as one of our errors."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return MethodNotAllowed(
            f"{method} is not possible here.", hint=f"Use {allowed}.", allow=allowed
        )
    match error.status:
        case 404:
            return RouteNotFound(
                f"There is nothing at {path!r}.", hint="The routes are listed in the README."
            )
        case 413:
            return BodyTooLarge("The request's body is too large.")
        case 415:
            return UnsupportedMediaType("The request's body is of a kind that Hob does not read.")
        case status if status < 500:
            return InvalidRequest(f"The request is not valid HTTP: {error.reason}.")
        case _:
            return internal_error()


def internal_error() -> HobError:
    """What a client is told when the fault is ours; the log has the rest."""
    return HobError(
        "Something went wrong inside Hob, and this request could not be answered.",
        hint="`hob logs` shows what happened.",
    )


def _openai_type(status: int) -> str:
    match status:
        case 401:
            return "authentication_error"
        case 403:
            return "permission_error"
        case 429:
            return "rate_limit_error"
        case _:
            return "invalid_request_error" if status < 500 else "server_error"


def _encode(reply: ErrorReply | OpenAIErrorReply) -> bytes:
    try:
        return msgspec.json.encode(reply)
    except UnicodeEncodeError:
        # A message may quote what a client sent, and aiohttp keeps bytes that are not UTF-8 as
        # surrogates, which JSON cannot hold.
        return msgspec.json.encode(_without_surrogates(msgspec.to_builtins(reply)))


def _without_surrogates(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {key: _without_surrogates(item) for key, item in value.items()}
    return value
