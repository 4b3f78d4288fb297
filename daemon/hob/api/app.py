"""The application: every route, and the server settings that bound what a client can do."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from aiohttp import http_exceptions, web

from hob import __version__
from hob.api import hub_routes, native_daemon, native_events, native_text, rerank
from hob.api.desktop import routes as desktop_routes
from hob.api.middleware import answer_errors
from hob.api.models import adopt, care, catalog
from hob.api.models import fit as model_fit
from hob.api.models import folder as model_folder
from hob.api.models import profiles as model_profiles
from hob.api.models import pulls as pull_routes
from hob.api.models import routes as model_routes
from hob.api.models import show as model_show
from hob.api.openai import embeddings
from hob.api.openai import routes as openai_routes
from hob.api.plugins import actions as plugin_actions
from hob.api.plugins import plugins as plugin_routes
from hob.api.plugins import tools as plugin_tools
from hob.api.services import (
    ADMISSION,
    CLOSING,
    OPTIONS,
    SERVICES,
    Admission,
    ApiOptions,
    Services,
)

if TYPE_CHECKING:
    from aiohttp.typedefs import Middleware

__all__ = ["ApiOptions", "Services", "build_app", "build_runner", "install"]

# A connection that sends nothing, or not even a whole head, is closed after this.
_IDLE_S = 75.0
# How long the rest of a refused body is thrown away, so that the client gets to read why.
_LINGER_S = 2.0

_MODULES = (
    native_daemon,
    # Before the route of a model of any name.
    model_profiles,
    model_fit,
    pull_routes,
    hub_routes,
    # Before the route that takes any name.
    adopt,
    catalog,
    care,
    model_routes,
    model_folder,
    model_show,
    native_events,
    desktop_routes,
    native_text,
    openai_routes,
    embeddings,
    rerank,
    plugin_actions,
    plugin_routes,
    plugin_tools,
)
_wire_log = logging.getLogger("hob.api.wire")


def build_app(
    services: Services,
    middlewares: Sequence[Middleware] = (),
    options: ApiOptions | None = None,
) -> web.Application:
    """The API. `middlewares` run inside the one that renders errors, so they raise HobError."""
    app = web.Application()
    install(app, services, middlewares, options)
    return app


def install(
    app: web.Application,
    services: Services,
    middlewares: Sequence[Middleware] = (),
    options: ApiOptions | None = None,
) -> None:
    """Make `app`, which may already have its runner and its listeners, the API.

    The services may need the listeners, and these need the application: hence the two steps.
    """
    options = options or ApiOptions()
    app.middlewares.extend((answer_errors, *middlewares))
    app[SERVICES] = services
    app[OPTIONS] = options
    app[ADMISSION] = Admission(options.max_choices)
    app[CLOSING] = asyncio.Event()
    app.on_shutdown.append(_close_streams)
    app.router.add_get("/", _root)
    for module in _MODULES:
        app.router.add_routes(module.routes)


def build_runner(app: web.Application, grace_s: float = 10.0) -> web.AppRunner:
    """The server of `app`, for any number of sites. `cleanup` gives answers in flight `grace_s`
    seconds and then cancels them."""
    return web.AppRunner(
        app,
        # A client that leaves stops its work, at whatever point it is.
        handler_cancellation=True,
        # Compressed bodies are refused; this makes sure that none is expanded before.
        auto_decompress=False,
        access_log=None,
        logger=_wire_log,
        keepalive_timeout=_IDLE_S,
        lingering_time=_LINGER_S,
        shutdown_timeout=grace_s,
    )


async def _root(_: web.Request) -> web.Response:
    return web.Response(text=f"Hob {__version__} is running.\n")


async def _close_streams(app: web.Application) -> None:
    app[CLOSING].set()


class _MalformedHttp(logging.Filter):
    """aiohttp logs a traceback for bytes that are not HTTP; anyone can send such, so they get one
    plain line."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, http_exceptions.HttpProcessingError):
            record.levelno, record.levelname = logging.INFO, "INFO"
            record.msg, record.args = "refused malformed HTTP: %s", (type(error).__name__,)
            record.exc_info = None
        return True


_wire_log.addFilter(_MalformedHttp())
