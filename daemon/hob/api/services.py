"""What the handlers work with: the daemon behind its ports, and the API's own limits."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from hob.api.auth import VIA
from hob.api.ports import (
    Access,
    Adoption,
    Care,
    Catalog,
    Daemon,
    Desk,
    Downloads,
    Facts,
    Fits,
    HubAccess,
    Inspector,
    Library,
    Models,
    Plugins,
    Profiles,
)
from hob.errors import ForbiddenPeer, ModelNotFound, NoModels, Overloaded, ShuttingDown

DEFAULT_MODEL = "default"


@dataclass(frozen=True, kw_only=True)
class Services:
    library: Library
    models: Models
    facts: Facts
    daemon: Daemon
    access: Access
    pulls: Downloads
    hub: HubAccess
    inspector: Inspector
    fits: Fits
    profiles: Profiles
    care: Care
    adoption: Adoption
    catalog: Catalog
    plugins: Plugins
    desk: Desk


@dataclass(frozen=True)
class ApiOptions:
    """Sizes in bytes, times in seconds. `max_choices` bounds the answers that are being made or
    wait to be made at once, over all models; each choice of a request counts."""

    max_body_bytes: int = 16 * 2**20
    body_timeout_s: float = 60.0
    body_idle_s: float = 4.0
    write_timeout_s: float = 30.0
    keep_alive_s: float = 15.0
    max_choices: int = 256


class Admission:
    """Counts the answers in the making; what comes above the limit is turned away at once."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._live = 0

    @contextlib.contextmanager
    def admit(self, choices: int) -> Iterator[None]:
        """Hold room for `choices` answers. Raises Overloaded."""
        if self._live + choices > self._limit:
            raise Overloaded(
                f"Hob is already busy with {self._live} answers and takes at most {self._limit}.",
                hint="Ask again in a moment.",
                retry_after=1,
            )
        self._live += choices
        try:
            yield
        finally:
            self._live -= choices


SERVICES: Final = web.AppKey("services", Services)
OPTIONS: Final = web.AppKey("options", ApiOptions)
ADMISSION: Final = web.AppKey("admission", Admission)
# Set when the server closes, so that streams without an end of their own end.
CLOSING: Final = web.AppKey("closing", asyncio.Event)


def resolve_model(services: Services, asked: str | None) -> str:
    """The name of the model that is meant; the chosen one when nothing particular is asked for.

    Raises NoModels, ModelNotFound, ModelAmbiguous or BadModelFile.
    """
    if asked and asked != DEFAULT_MODEL:
        return services.library.resolve(checked_name(asked)).name
    if chosen := services.models.chosen:
        return chosen
    raise NoModels(
        "There is no model to answer with.",
        hint="`hob models pull starter` fetches a small one.",
        param="model",
    )


def checked_name(name: str) -> str:
    """The name, if it can be one at all: the path of a URL may hold bytes that are not UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise ModelNotFound(
            "There is no model of that name: it is not UTF-8.",
            hint="`hob models` lists the names.",
            param="model",
        ) from error
    return name


def refuse_while_stopping(services: Services) -> None:
    """Raises ShuttingDown once the daemon drains."""
    if services.daemon.stopping:
        raise ShuttingDown(
            "Hob is stopping: it finishes the answers in flight and takes no new work.",
            hint="Ask again once it has started anew.",
        )


def refuse_over_tcp(request: web.Request) -> None:
    """Raises ForbiddenPeer unless the request came by the local socket; unknown ways do not."""
    if request.get(VIA) != "socket":
        raise ForbiddenPeer(
            "This is possible only over Hob's local socket.",
            hint="Use the `hob` command on the same machine.",
        )
