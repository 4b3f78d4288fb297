"""A small application behind the guard, for tests of who may ask: it counts what it did."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from hob.api.auth import VIA
from hob.errors import (
    ForbiddenHost,
    ForbiddenOrigin,
    ForbiddenPeer,
    HobError,
    Unauthorized,
    UnsupportedMediaType,
)

STATUS: dict[type[HobError], HTTPStatus] = {
    Unauthorized: HTTPStatus.UNAUTHORIZED,
    ForbiddenHost: HTTPStatus.FORBIDDEN,
    ForbiddenOrigin: HTTPStatus.FORBIDDEN,
    ForbiddenPeer: HTTPStatus.FORBIDDEN,
    UnsupportedMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
}

ROUTES = ("/hob/v1/status", "/hob/v1/models", "/v1/models", "/v1/chat/completions", "/hob/v1/stop")


@dataclass
class SmallApp:
    """`effects` has one entry, "METHOD path via", for every request that reached a handler."""

    effects: list[str] = field(default_factory=list)

    def build(self, guard: Middleware) -> web.Application:
        app = web.Application(middlewares=[_errors, guard])
        for path in ROUTES:
            app.router.add_route("GET", path, self._handle)
            app.router.add_route("POST", path, self._handle)
        return app

    async def _handle(self, request: web.Request) -> web.Response:
        via = request[VIA]
        self.effects.append(f"{request.method} {request.path} {via}")
        return web.json_response({"via": via})


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except HobError as error:
        status = STATUS[type(error)]
        return web.json_response({"code": error.code, "message": str(error)}, status=status)


@asynccontextmanager
async def running(app: web.Application) -> AsyncIterator[web.AppRunner]:
    """A runner that is set up, and cleaned up afterwards."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        yield runner
    finally:
        await runner.cleanup()
