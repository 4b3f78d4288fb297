"""TCP opens when the user says so, with a token, and otherwise says why it is closed."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from aiohttp import web

from fakes.raw_http import exchange, free_port, request_bytes
from fakes.small_app import SmallApp, running
from hob.api.access import TcpAccess, TcpWish
from hob.api.auth import TcpPolicy, guard
from hob.api.keyring_store import Where
from hob.api.ports import Access
from hob.api.token_store import new_token
from hob.api.transport import TcpListener
from hob.errors import ConfigError, SecretStoreError, StartFailed
from hob.wire.events import ApiChanged


@dataclass
class MemoryStore:
    """A token store that keeps it in memory, fails when told to, and counts what was asked."""

    where: Where
    token: str | None = None
    broken: bool = False
    gets: int = 0
    prompts: list[bool] = field(default_factory=list)

    def _ask(self, may_prompt: bool) -> None:
        self.prompts.append(may_prompt)
        if self.broken:
            raise SecretStoreError("No keyring answers.", hint="Use `--token-file`.")

    async def get(self, may_prompt: bool) -> str | None:
        self._ask(may_prompt)
        self.gets += 1
        await asyncio.sleep(0)
        return self.token

    async def set(self, token: str, may_prompt: bool) -> None:
        self._ask(may_prompt)
        await asyncio.sleep(0)
        self.token = token

    async def delete(self, may_prompt: bool) -> None:
        self._ask(may_prompt)
        self.token = None


@dataclass
class House:
    """Everything around one TcpAccess. `remembered` and `facts` are what it told others."""

    runner: web.AppRunner
    keyring: MemoryStore = field(default_factory=lambda: MemoryStore("keyring"))
    file: MemoryStore = field(default_factory=lambda: MemoryStore("file"))
    remembered: list[tuple[bool, int, Where]] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)
    read_only: bool = False
    writing: asyncio.Event = field(default_factory=asyncio.Event)
    slow_disk: asyncio.Event | None = None
    access: TcpAccess = field(init=False)

    def __post_init__(self) -> None:
        self.start(TcpWish(port=free_port()))

    def start(self, wish: TcpWish) -> TcpAccess:
        """A new daemon, with the stores of the one before."""
        self.access = TcpAccess(
            TcpListener(self.runner),
            "/run/hob.sock",
            [self.keyring, self.file],
            wish=wish,
            remember=self._remember,
            publish=self._publish,
        )
        return self.access

    async def _remember(self, enabled: bool, port: int, store: Where) -> None:
        self.writing.set()
        if self.slow_disk:
            await self.slow_disk.wait()
        if self.read_only:
            raise ConfigError("The settings cannot be written.")
        self.remembered.append((enabled, port, store))

    def _publish(self, fact: ApiChanged) -> None:
        assert fact.at > 0
        self.facts.append(fact.address)

    async def status_of(self, token: str) -> int:
        """The HTTP status of a request with that token."""
        port = int(self.access.status().address.rpartition(":")[2])
        headers = [("Host", f"127.0.0.1:{port}"), ("Authorization", f"Bearer {token}")]
        return (await exchange(port, request_bytes("GET", "/v1/models", headers))).status


@pytest_asyncio.fixture
async def house() -> AsyncIterator[House]:
    houses: list[House] = []

    def policy() -> TcpPolicy | None:
        return houses[0].access.policy()

    async with running(SmallApp().build(guard(policy))) as runner:
        houses.append(House(runner))
        yield houses[0]


def fits_the_port(access: TcpAccess) -> Access:
    """Checked by the type checker."""
    return access


def occupied() -> socket.socket:
    other = socket.socket()
    other.bind(("127.0.0.1", 0))
    other.listen()
    return other


async def test_it_is_closed_until_it_is_turned_on(house: House) -> None:
    await house.access.restore()
    status = house.access.status()
    assert (status.socket, status.address, status.problem) == ("/run/hob.sock", "", None)
    assert house.access.policy() is None
    assert house.keyring.gets == 0, "the keyring is left alone"


async def test_turning_it_on_makes_a_token_opens_the_port_and_is_remembered(house: House) -> None:
    port = free_port()
    status = await house.access.enable(port, allow_file=False)
    assert status.address == f"http://127.0.0.1:{port}"
    assert house.remembered == [(True, port, "keyring")]
    assert house.facts == [status.address]
    reply = await house.access.token()
    assert (reply.token, reply.where, reply.address) == (
        house.keyring.token,
        "keyring",
        status.address,
    )
    assert await house.status_of(reply.token) == 200
    assert await house.status_of(new_token()) == 401


async def test_turning_it_on_twice_changes_nothing(house: House) -> None:
    first = await house.access.enable(None, allow_file=False)
    assert await house.access.enable(None, allow_file=False) == first
    assert house.facts == [first.address]
    assert house.keyring.gets == 1, "the token is in memory from then on"


async def test_turning_it_off_closes_the_port_and_is_remembered(house: House) -> None:
    port = free_port()
    await house.access.enable(port, allow_file=False)
    status = await house.access.disable()
    assert status.address == ""
    assert house.access.policy() is None
    assert house.remembered[-1] == (False, port, "keyring")
    assert house.facts[-1] == ""
    with pytest.raises(ConnectionRefusedError):
        await exchange(port, b"")
    await house.access.disable()
    assert len(house.facts) == 2


async def test_the_port_can_be_changed_while_it_is_on(house: House) -> None:
    first = (await house.access.enable(None, allow_file=False)).address
    token = (await house.access.token()).token
    second = (await house.access.enable(free_port(), allow_file=False)).address
    assert first != second
    assert await house.status_of(token) == 200
    assert house.facts == [first, second]


@pytest.mark.parametrize("port", [0, 70_000, -1])
async def test_an_impossible_port_is_refused_and_not_remembered(house: House, port: int) -> None:
    with pytest.raises(ConfigError):
        await house.access.enable(port, allow_file=False)
    assert house.remembered == []
    assert house.access.policy() is None


async def test_a_port_in_use_leaves_what_was_open(house: House) -> None:
    before = await house.access.enable(None, allow_file=False)
    token = (await house.access.token()).token
    with occupied() as other, pytest.raises(StartFailed):
        await house.access.enable(other.getsockname()[1], allow_file=False)
    assert house.access.status() == before
    assert await house.status_of(token) == 200
    assert len(house.remembered) == 1


async def test_without_a_keyring_it_stays_closed_until_a_file_is_allowed(house: House) -> None:
    house.keyring.broken = True
    with pytest.raises(SecretStoreError):
        await house.access.enable(None, allow_file=False)
    assert house.access.status().address == ""
    assert house.file.token is None, "never in a file unasked"
    await house.access.enable(None, allow_file=True)
    reply = await house.access.token()
    assert reply.where == "file"
    assert await house.file.get(may_prompt=False) == reply.token
    assert house.remembered[-1][2] == "file"
    assert await house.status_of(reply.token) == 200
    await house.access.enable(None, allow_file=False)
    assert house.remembered[-1][2] == "file", "said once is enough"


async def test_moving_to_a_file_makes_a_token_of_its_own(house: House) -> None:
    await house.access.enable(None, allow_file=False)
    in_keyring = (await house.access.token()).token
    await house.access.enable(None, allow_file=True)
    reply = await house.access.token()
    assert reply.token != in_keyring
    assert await house.status_of(reply.token) == 200
    assert await house.status_of(in_keyring) == 401


async def test_settings_that_cannot_be_written_leave_the_door_shut(house: House) -> None:
    house.read_only = True
    with pytest.raises(ConfigError):
        await house.access.enable(None, allow_file=False)
    assert house.access.status().address == ""
    assert house.access.policy() is None


async def test_turning_it_off_works_although_it_cannot_be_remembered(house: House) -> None:
    await house.access.enable(None, allow_file=False)
    house.read_only = True
    with pytest.raises(ConfigError):
        await house.access.disable()
    assert house.access.status().address == ""


async def test_a_restart_opens_it_again_with_the_same_token(house: House) -> None:
    port = free_port()
    await house.access.enable(port, allow_file=False)
    token = (await house.access.token()).token
    await house.access.disable()
    house.keyring.prompts.clear()
    access = house.start(TcpWish(enabled=True, port=port))
    await access.restore()
    assert access.status().address == f"http://127.0.0.1:{port}"
    assert await house.status_of(token) == 200
    assert house.keyring.prompts == [False], "nobody is asked for a password at start"


async def test_a_restart_without_its_keyring_says_why_it_is_closed(house: House) -> None:
    house.keyring.broken = True
    access = house.start(TcpWish(enabled=True, port=free_port()))
    await access.restore()
    status = access.status()
    assert status.address == ""
    assert status.problem is not None
    assert status.problem.code == "secret_store_unavailable"
    assert "--token-file" in status.problem.hint
    assert house.remembered == [], "the wish stays"
    house.keyring.broken = False
    assert (await access.enable(None, allow_file=False)).problem is None


async def test_a_restart_on_a_port_in_use_says_why_it_is_closed(house: House) -> None:
    with occupied() as other:
        access = house.start(TcpWish(enabled=True, port=other.getsockname()[1]))
        await access.restore()
    problem = access.status().problem
    assert problem is not None
    assert problem.code == "start_failed"
    assert access.policy() is None


async def test_a_token_is_given_out_while_it_is_closed(house: House) -> None:
    reply = await house.access.token()
    assert reply.address == ""
    assert house.keyring.token == reply.token
    assert house.access.policy() is None
    await house.access.enable(None, allow_file=False)
    assert await house.status_of(reply.token) == 200


async def test_a_new_token_counts_at_once(house: House) -> None:
    await house.access.enable(None, allow_file=False)
    old = (await house.access.token()).token
    new = (await house.access.token(rotate=True)).token
    assert old != new
    assert house.keyring.token == new
    assert await house.status_of(new) == 200
    assert await house.status_of(old) == 401
    assert (await house.access.token()).token == new


async def test_a_token_that_cannot_be_kept_is_not_used(house: House) -> None:
    await house.access.enable(None, allow_file=False)
    old = (await house.access.token()).token
    house.keyring.broken = True
    with pytest.raises(SecretStoreError):
        await house.access.token(rotate=True)
    assert (await house.access.token()).token == old
    assert await house.status_of(old) == 200


@pytest.mark.parametrize("kept", ["", "short", "with a space in it 0123"])
async def test_a_damaged_token_opens_nothing_and_can_be_replaced(house: House, kept: str) -> None:
    house.keyring.token = kept
    with pytest.raises(SecretStoreError, match="damaged") as caught:
        await house.access.enable(None, allow_file=False)
    assert "hob token --rotate" in caught.value.hint
    assert house.access.status().address == ""
    await house.access.token(rotate=True)
    await house.access.enable(None, allow_file=False)
    assert house.keyring.token != kept


async def test_asked_at_the_same_time_it_makes_one_token(house: House) -> None:
    replies = await asyncio.gather(*(house.access.token() for _ in range(20)))
    assert len({reply.token for reply in replies}) == 1


async def test_a_store_that_cannot_be_remembered_is_not_taken_for_the_other(house: House) -> None:
    house.read_only = True
    with pytest.raises(ConfigError):
        await house.access.enable(None, allow_file=True)
    reply = await house.access.token()
    assert reply.where == "keyring"
    assert reply.token == house.keyring.token != house.file.token


async def test_whoever_leaves_while_it_is_remembered_leaves_one_state_behind(
    house: House,
) -> None:
    house.slow_disk = asyncio.Event()
    enabling = asyncio.create_task(house.access.enable(None, allow_file=True))
    await house.writing.wait()
    enabling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await enabling
    reply = await house.access.token()
    assert reply.where == "file", "the file is written to its end all the same"
    assert await house.status_of(reply.token) == 200
