"""The hub's token: where it is kept, who gives it, and that it is never shown."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

import pytest

from hob.api.hub_access import KeptHubAccess
from hob.api.keyring_store import Where
from hob.errors import DownloadError, HubRefused, InvalidRequest, SecretStoreError
from hob.wire.pulls import LoginReply

TOKEN = "hf_abcdefghij"


@dataclass
class Store:
    """A keyring with one secret in it."""

    where: Where = "keyring"
    secret: str | None = None
    problem: SecretStoreError | None = None
    prompts: list[bool] = field(default_factory=list)

    async def get(self, may_prompt: bool) -> str | None:
        self._open(may_prompt)
        return self.secret

    async def set(self, token: str, may_prompt: bool) -> None:
        self._open(may_prompt)
        self.secret = token

    async def delete(self, may_prompt: bool) -> None:
        self._open(may_prompt)
        self.secret = None

    def _open(self, may_prompt: bool) -> None:
        self.prompts.append(may_prompt)
        if self.problem:
            raise self.problem


async def ada(token: str) -> str:
    await asyncio.sleep(0)
    return "ada" if token == TOKEN else ""


async def test_a_token_is_kept_once_the_hub_knows_it() -> None:
    store = Store()
    access = KeptHubAccess(store, ada)
    assert await access.token() == ""
    assert await access.login(f" {TOKEN}\n") == LoginReply(name="ada")
    assert (store.secret, await access.token()) == (TOKEN, TOKEN)
    assert await access.logout() == LoginReply(name="")
    assert await access.token() == ""


async def test_a_token_that_the_hub_refuses_is_not_kept() -> None:
    async def refuse(token: str) -> str:
        raise HubRefused("It is not accepted.")

    store = Store()
    with pytest.raises(HubRefused):
        await KeptHubAccess(store, refuse).login(TOKEN)
    assert store.secret is None


async def test_without_a_connection_it_is_kept_and_said_to_be_unverified() -> None:
    async def offline(token: str) -> str:
        raise DownloadError("There is no connection.")

    store = Store()
    assert not (await KeptHubAccess(store, offline).login(TOKEN)).verified
    assert store.secret == TOKEN


@pytest.mark.parametrize(
    "token", ["short", "hf_with space", "hf_\x1bescape", "hf_é" * 9, "x" * 600]
)
async def test_what_is_no_token_is_refused_without_repeating_it(token: str) -> None:
    store = Store()
    with pytest.raises(InvalidRequest) as caught:
        await KeptHubAccess(store, ada).login(token)
    assert token not in str(caught.value)
    assert store.prompts == []


async def test_a_keyring_that_does_not_answer_is_no_obstacle_for_what_is_public() -> None:
    store = Store(problem=SecretStoreError("The keyring is locked."))
    access = KeptHubAccess(store, ada)
    assert await access.token() == ""
    assert store.prompts == [False]
    with pytest.raises(SecretStoreError):
        await access.login(TOKEN)
    with pytest.raises(SecretStoreError):
        await access.logout()


async def test_the_environment_goes_before_the_keyring() -> None:
    store = Store(secret="hf_other_token")
    assert await KeptHubAccess(store, ada, f"{TOKEN}\n").token() == TOKEN
    assert store.prompts == []
    assert await KeptHubAccess(store, ada, "with\nnewline").token() == ""


async def test_a_damaged_secret_is_never_sent() -> None:
    assert await KeptHubAccess(Store(secret="hf_x\r\nX-Evil: 1"), ada).token() == ""


async def test_the_token_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def offline(token: str) -> str:
        raise DownloadError("There is no connection.")

    with caplog.at_level(logging.DEBUG):
        access = KeptHubAccess(Store(), offline)
        await access.login(TOKEN)
        await access.token()
    assert TOKEN not in caplog.text
