"""TCP access: whether it is on, on which port, and the token that opens it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace

from hob.api.auth import TcpPolicy, allowed_hosts
from hob.api.keyring_store import Where
from hob.api.token_store import TokenStore, new_token, usable
from hob.api.transport import DEFAULT_PORT, TcpListener, check_port
from hob.errors import HobError, SecretStoreError
from hob.wire.base import ErrorInfo
from hob.wire.events import ApiChanged
from hob.wire.status import ApiStatus, TokenReply

_log = logging.getLogger(__name__)

Remember = Callable[[bool, int, Where], Awaitable[None]]


@dataclass(frozen=True)
class TcpWish:
    """What the user asked for, as the settings keep it."""

    enabled: bool = False
    port: int = DEFAULT_PORT
    store: Where = "keyring"


class TcpAccess:
    """Opens and closes TCP and hands out its token; the one writer of both. Fits ports.Access.

    `remember(enabled, port, store)` keeps the wish for the next start and may raise HobError.
    `extra_hosts` are further host names to answer to, without a port.
    """

    def __init__(
        self,
        listener: TcpListener,
        socket: str,
        stores: Iterable[TokenStore],
        *,
        wish: TcpWish,
        remember: Remember,
        publish: Callable[[ApiChanged], None],
        extra_hosts: Iterable[str] = (),
    ) -> None:
        self._listener = listener
        self._socket = socket
        self._stores = {store.where: store for store in stores}
        self._wish = wish
        self._remember = remember
        self._publish = publish
        self._extra_hosts = tuple(extra_hosts)
        self._token: str | None = None
        self._problem: ErrorInfo | None = None
        self._policy: TcpPolicy | None = None
        # One change at a time: a token that is being made must not be made twice.
        self._changing = asyncio.Lock()

    def policy(self) -> TcpPolicy | None:
        """What the guard asks of TCP requests right now; None while TCP is off."""
        return self._policy

    def status(self) -> ApiStatus:
        return ApiStatus(socket=self._socket, address=self._listener.address, problem=self._problem)

    async def restore(self) -> None:
        """Open TCP at start if the user had turned it on; a failure is kept for status().

        Nobody is asked to unlock a keyring. Takes as long as the keyring does, a few seconds at
        most.
        """
        async with self._changing:
            if not self._wish.enabled:
                return
            try:
                await self._open(self._wish, may_prompt=False)
            except HobError as error:
                self._problem = ErrorInfo.of(error)
                _log.warning("TCP stays closed: %s", error)

    async def enable(self, port: int | None, allow_file: bool) -> ApiStatus:
        """Open the listener, or move it, and remember that.

        The token goes into the keyring, or with `allow_file` into a file that only the user can
        read. Raises SecretStoreError, ConfigError (the port) or StartFailed (the port is taken),
        and what was open before then stays open; or what `remember` raises, and TCP is closed.
        """
        async with self._changing:
            wish = TcpWish(
                enabled=True,
                port=self._wish.port if port is None else check_port(port),
                store="file" if allow_file else self._wish.store,
            )
            await self._open(wish, may_prompt=True)
            try:
                await self._keep(wish)
            except HobError:  # an error must not leave a door open
                self._token = None  # it may be of the store that was just refused
                await self._shut()
                raise
            return self.status()

    async def disable(self) -> ApiStatus:
        """Close the listener and remember that; requests on open connections are then refused."""
        async with self._changing:
            self._problem = None
            await self._shut()
            await self._keep(replace(self._wish, enabled=False))
            return self.status()

    async def token(self, rotate: bool = False) -> TokenReply:
        """The bearer token, made on first use; a new one with `rotate`, valid from the next
        request on. Raises SecretStoreError."""
        async with self._changing:
            store = self._stores[self._wish.store]
            known = None if rotate else self._token
            token = known or await _fetch(store, may_prompt=True, anew=rotate)
            self._token = token
            if self._policy is not None:
                self._policy = replace(self._policy, token=token)
            return TokenReply(token=token, where=self._wish.store, address=self._listener.address)

    async def _open(self, wish: TcpWish, may_prompt: bool) -> None:
        """The token first: a port that opened before it would have nothing to ask for."""
        known = self._token if wish.store == self._wish.store else None
        token = known or await _fetch(self._stores[wish.store], may_prompt)
        before = self._listener.address
        await self._listener.open(wish.port)
        self._token = token
        hosts = allowed_hosts(self._listener.host, wish.port, self._extra_hosts)
        self._policy = TcpPolicy(hosts=hosts, token=token)
        self._problem = None
        if self._listener.address != before:
            self._publish(ApiChanged(at=time.time(), address=self._listener.address))

    async def _shut(self) -> None:
        was_open = bool(self._listener.address)
        self._policy = None
        await self._listener.close()
        if was_open:
            self._publish(ApiChanged(at=time.time()))

    async def _keep(self, wish: TcpWish) -> None:
        # At once, so that a caller who leaves meanwhile leaves one state behind, not two.
        before, self._wish = self._wish, wish
        try:
            await self._remember(wish.enabled, wish.port, wish.store)
        except HobError:
            self._wish = before
            raise


async def _fetch(store: TokenStore, may_prompt: bool, anew: bool = False) -> str:
    """The token in the store, else (or `anew`) a new one that is now in it."""
    if not anew and (found := await store.get(may_prompt)) is not None:
        if not usable(found):
            raise SecretStoreError(
                "The token that was kept is empty or damaged, and would not guard anything.",
                hint="Make a new one: `hob token --rotate`.",
            )
        return found
    token = new_token()
    await store.set(token, may_prompt)
    return token
