"""The person's account on the hub: its token, which lives in the keyring and nowhere else."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable

from hob.api.token_store import TokenStore
from hob.errors import DownloadError, HubRefused, InvalidRequest, SecretStoreError
from hob.wire.pulls import LoginReply

_log = logging.getLogger(__name__)

_SHAPE = re.compile(r"[!-~]{8,512}")


class KeptHubAccess:
    """Keeps the token, and gives it to whoever talks to the hub. Fits ports.HubAccess.

    `whose` asks the hub for the name of a token's account. `from_environment` is HF_TOKEN, which
    goes before what is kept, as everywhere.
    """

    def __init__(
        self, store: TokenStore, whose: Callable[[str], Awaitable[str]], from_environment: str = ""
    ) -> None:
        self._store = store
        self._whose = whose
        self._from_environment = from_environment.strip()

    async def token(self) -> str:
        """The token; empty when there is none, or when the keyring does not give it: most of the
        hub needs none, and what does says so. Nobody is asked to unlock anything."""
        if self._from_environment:
            return self._from_environment if _SHAPE.fullmatch(self._from_environment) else ""
        try:
            found = await self._store.get(may_prompt=False) or ""
        except SecretStoreError as error:
            _log.info("the hub is asked without a token: %s", error.message)
            return ""
        return found if _SHAPE.fullmatch(found) else ""

    async def login(self, token: str) -> LoginReply:
        """Ask the hub whose token it is, and keep it; without a connection it is kept unasked.
        Raises InvalidRequest, HubRefused or SecretStoreError."""
        token = token.strip()
        if not _SHAPE.fullmatch(token):
            raise InvalidRequest(
                "That is no token of the hub: those are a few dozen letters and digits.",
                hint="Copy one from the hub's page settings/tokens.",
                param="token",
            )
        name, verified = "", True
        try:
            name = await self._whose(token)
        except HubRefused:
            raise
        except DownloadError as error:
            _log.info("the hub cannot be asked whose token it is: %s", error.message)
            verified = False
        await self._store.set(token, may_prompt=True)
        return LoginReply(name=name, verified=verified)

    async def logout(self) -> LoginReply:
        """Forget the token. Raises SecretStoreError."""
        await self._store.delete(may_prompt=True)
        return LoginReply(name="")
