"""TCP listens on this machine only, where it was told to, or says why not."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import web

from fakes.raw_http import exchange, free_port, request_bytes
from fakes.small_app import SmallApp, running
from hob.api.auth import guard
from hob.api.transport import TcpListener, arrival, base_url, bind_tcp, check_host, check_port
from hob.errors import ConfigError, StartFailed


@pytest_asyncio.fixture
async def runner() -> AsyncIterator[web.AppRunner]:
    async with running(SmallApp().build(guard(lambda: None))) as runner:
        yield runner


async def answers(port: int) -> bool:
    try:
        await exchange(port, request_bytes("GET", "/", [("Host", "x")]))
    except ConnectionRefusedError:
        return False
    return True


@pytest.mark.parametrize("port", [0, -1, 65_536, 70_000])
def test_a_port_that_is_none_is_refused(port: int) -> None:
    with pytest.raises(ConfigError, match="1 to 65535") as caught:
        check_port(port)
    assert caught.value.param == "port"


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "", "*", "192.168.1.5", "example.com", "fe80::1", "10.0.0.1"]
)
def test_an_address_that_others_can_reach_is_refused(host: str) -> None:
    with pytest.raises(ConfigError, match="this machine only"):
        check_host(host)
    with pytest.raises(ConfigError):
        bind_tcp(host, 4662)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_loopback_addresses_are_accepted(host: str) -> None:
    assert check_host(host).is_loopback


def test_the_base_url_is_one_that_clients_accept() -> None:
    assert base_url("127.0.0.1", 4662) == "http://127.0.0.1:4662"
    assert base_url("::1", 4662) == "http://[::1]:4662"


def test_a_port_in_use_is_named_with_what_to_do() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(StartFailed) as caught:
            bind_tcp("127.0.0.1", port)
    assert str(port) in caught.value.message
    assert "`hob api on --port" in caught.value.hint
    assert caught.value.details == {"port": port}


def test_a_port_that_may_not_be_had_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(sock: socket.socket, address: object) -> None:
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(StartFailed, match="may not listen on port 80"):
        bind_tcp("127.0.0.1", 80)


async def test_it_listens_while_it_is_open(runner: web.AppRunner) -> None:
    port = free_port()
    listener = TcpListener(runner)
    assert (listener.address, listener.port) == ("", None)
    await listener.open(port)
    assert (listener.address, listener.port) == (f"http://127.0.0.1:{port}", port)
    assert await answers(port)
    await listener.close()
    assert listener.address == ""
    assert not await answers(port)
    await listener.close()


async def test_it_moves_to_another_port(runner: web.AppRunner) -> None:
    first, second = free_port(), free_port()
    listener = TcpListener(runner)
    await listener.open(first)
    await listener.open(second)
    assert not await answers(first)
    assert await answers(second)
    await listener.open(second)
    assert await answers(second)
    await listener.close()


async def test_it_stays_where_it_is_when_the_new_port_is_taken(runner: web.AppRunner) -> None:
    listener = TcpListener(runner)
    port = free_port()
    await listener.open(port)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(StartFailed):
            await listener.open(other.getsockname()[1])
    assert listener.port == port
    assert await answers(port)
    await listener.close()


async def test_a_port_can_be_had_again_at_once(runner: web.AppRunner) -> None:
    """Connections of before linger in TIME_WAIT and must not be in the way."""
    listener = TcpListener(runner)
    port = free_port()
    for _ in range(3):
        await listener.open(port)
        assert await answers(port)
        await listener.close()


def test_a_connection_that_has_ended_came_from_nowhere() -> None:
    assert arrival(None) is None
    assert arrival(asyncio.BaseTransport({})) is None
