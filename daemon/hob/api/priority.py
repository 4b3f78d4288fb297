"""Whose request goes first: what the client says of it in a header."""

from __future__ import annotations

from typing import cast, get_args

from aiohttp import web

from hob.errors import InvalidRequest
from hob.wire.generate import Priority

PRIORITY_HEADER = "X-Hob-Priority"


def priority_of(request: web.Request, default: Priority = "normal") -> Priority:
    """Raises InvalidRequest for a priority that there is not."""
    given = request.headers.get(PRIORITY_HEADER, default)
    if given not in get_args(Priority):
        raise InvalidRequest(
            f"{given!r} is not a priority.",
            hint=f"It is one of {', '.join(get_args(Priority))}.",
            param=PRIORITY_HEADER,
        )
    return cast("Priority", given)
