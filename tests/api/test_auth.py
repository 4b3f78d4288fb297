"""Over TCP every request proves itself before anything else is looked at."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from aiohttp.test_utils import make_mocked_request

from fakes.raw_http import Header, Reply, exchange, free_port, request_bytes
from fakes.small_app import ROUTES, SmallApp, running
from hob.api.auth import TcpPolicy, admit, allowed_hosts, guard
from hob.api.transport import Listeners
from hob.errors import ForbiddenPeer

TOKEN = "hob-0123456789abcdefghijklmnopqrstuvwxyzABCDEF_"
JSON = ("Content-Type", "application/json")
AUTHORIZED = ("Authorization", f"Bearer {TOKEN}")


@dataclass
class Door:
    """A small application that listens on a socket and on TCP; `policy` can be changed."""

    small: SmallApp
    port: int
    path: Path
    policy: TcpPolicy | None

    @property
    def host(self) -> Header:
        return ("Host", f"127.0.0.1:{self.port}")

    async def send(
        self, method: str, target: str, *headers: Header, body: bytes = b"", host: bool = True
    ) -> Reply:
        """A request with our own Host, unless `host` is false."""
        given = ((self.host,) if host else ()) + headers
        return await exchange(self.port, request_bytes(method, target, given, body))


@pytest_asyncio.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    port = free_port()
    policy = TcpPolicy(hosts=allowed_hosts("127.0.0.1", port), token=TOKEN)
    door = Door(SmallApp(), port, tmp_path / "run" / "hob.sock", policy)
    async with running(door.small.build(guard(lambda: door.policy))) as runner:
        listeners = Listeners(runner, door.path)
        await listeners.start()
        await listeners.tcp.open(port)
        yield door
        await listeners.close()


async def test_the_right_token_opens_every_route(door: Door) -> None:
    for route in ROUTES:
        reply = await door.send("POST", route, AUTHORIZED, JSON, body=b"{}")
        assert reply.status == 200
        assert json.loads(reply.body) == {"via": "tcp"}
    assert len(door.small.effects) == len(ROUTES)


async def test_anthropic_s_header_opens_too(door: Door) -> None:
    assert (await door.send("GET", "/v1/models", ("x-api-key", TOKEN))).status == 200
    both = (("Authorization", "Bearer unused"), ("x-api-key", TOKEN))
    assert (await door.send("GET", "/v1/models", *both)).status == 200


async def test_the_socket_needs_no_token(door: Door) -> None:
    connector = aiohttp.UnixConnector(path=str(door.path))
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.get("http://any-host/v1/models") as reply,
    ):
        assert await reply.json() == {"via": "socket"}


WRONG_CREDENTIALS: list[tuple[Header, ...]] = [
    (),
    (("Authorization", ""),),
    (("Authorization", "Bearer"),),
    (("Authorization", "Bearer "),),
    (("Authorization", TOKEN),),
    (("Authorization", f"Basic {TOKEN}"),),
    (("Authorization", f"Bearer {TOKEN}x"),),
    (("Authorization", f"Bearer {TOKEN[:-1]}"),),
    (("Authorization", f"Bearer {TOKEN.upper()}"),),
    (("Authorization", f"Bearer {TOKEN} {TOKEN}"),),
    (("Authorization", "Bearer h\xf6b"),),
    (("x-api-key", "wrong"),),
    (("x-api-key", ""),),
    (("Authorization", f"Bearer {TOKEN}"), ("Authorization", f"Bearer {TOKEN}")),
    (("x-api-key", TOKEN), ("x-api-key", "other")),
    (("Cookie", f"token={TOKEN}"),),
]


@pytest.mark.parametrize("credentials", WRONG_CREDENTIALS)
async def test_without_the_token_every_route_is_closed(
    door: Door, credentials: tuple[Header, ...]
) -> None:
    for route in (*ROUTES, "/", "/no/such/route", f"/v1/models?token={TOKEN}"):
        for method in ("GET", "POST", "DELETE", "HEAD", "OPTIONS"):
            reply = await door.send(method, route, *credentials)
            assert reply.status == 401, f"{method} {route}"
            assert TOKEN not in reply.body
    assert door.small.effects == []


async def test_the_refusal_says_what_to_do(door: Door) -> None:
    reply = await door.send("GET", "/v1/models")
    assert "no token" in reply.body
    assert "`hob env`" in reply.body
    reply = await door.send("GET", "/v1/models", ("Authorization", "Bearer sk-something"))
    assert "another token" in reply.body
    assert "sk-something" not in reply.body


async def test_tokens_are_compared_in_constant_time(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[bytes, bytes]] = []
    real = hmac.compare_digest

    def recording(given: bytes, token: bytes) -> bool:
        compared.append((given, token))
        return real(given, token)

    monkeypatch.setattr("hob.api.auth.hmac.compare_digest", recording)
    await door.send("GET", "/v1/models", ("Authorization", "Bearer guess"))
    assert compared == [(b"guess", TOKEN.encode()), (b"", TOKEN.encode())]


async def test_a_new_token_counts_from_the_next_request_on(door: Door) -> None:
    assert door.policy is not None
    url = f"http://127.0.0.1:{door.port}/v1/models"
    async with aiohttp.ClientSession(headers=dict([AUTHORIZED])) as session:
        async with session.get(url) as reply:
            assert reply.status == 200
            await reply.read()
        door.policy = replace(door.policy, token="hob-another-token-entirely")
        async with session.get(url) as reply:  # the same connection
            assert reply.status == 401


async def test_a_connection_that_outlives_tcp_access_is_refused(door: Door) -> None:
    door.policy = None
    reply = await door.send("GET", "/v1/models", AUTHORIZED)
    assert reply.status == 403
    assert "hob api on" in reply.body
    assert door.small.effects == []


HOSTS = [
    "",
    "127.0.0.1",
    "localhost",
    "[::1]",
    "evil.example",
    "evil.example:{port}",
    "127.0.0.1:1",
    "127.0.0.1:{port}0",
    "127.0.0.1:0{port}",
    "127.0.0.1:{port}.",
    "127.0.0.1:{port}:80",
    "127.0.0.1:+{port}",
    "127.0.0.1:{port}@evil.example",
    "evil.example@127.0.0.1:{port}",
    "user:pass@localhost:{port}",
    "127.0.0.1.:{port}",
    "localhost.:{port}",
    "localhost.evil.example:{port}",
    "evil.localhost:{port}",
    "localhost.localdomain:{port}",
    "127.0.0.1.nip.io:{port}",
    "127-0-0-1.evil.example:{port}",
    "7f000001.rbndr.us:{port}",
    "127.1:{port}",
    "127.0.1:{port}",
    "2130706433:{port}",
    "0x7f000001:{port}",
    "0177.0.0.1:{port}",
    "127.0.0.2:{port}",
    "0.0.0.0:{port}",
    "0:{port}",
    "[::]:{port}",
    "[::ffff:127.0.0.1]:{port}",
    "[0:0:0:0:0:0:0:1]:{port}",
    "::1:{port}",
    "[::1%25lo]:{port}",
    "192.168.1.10:{port}",
    "10.0.0.1:{port}",
    "169.254.169.254:{port}",
    "host.docker.internal:{port}",
    "127.0.0.1:{port}, evil.example",
    "127.0.0.1 :{port}",
    "\x6cocalh\xf6st:{port}",
    "http://127.0.0.1:{port}",
    "127.0.0.1:{port}/",
]


async def test_a_foreign_host_is_refused_with_the_right_token_too(door: Door) -> None:
    assert len(HOSTS) >= 40
    for template in HOSTS:
        host = ("Host", template.format(port=door.port))
        reply = await door.send("GET", "/v1/models", host, AUTHORIZED, host=False)
        assert reply.status == 403, host
        assert "forbidden_host" in reply.body
    assert door.small.effects == []


async def test_the_names_of_this_machine_are_accepted(door: Door) -> None:
    for name in ("127.0.0.1", "localhost", "LocalHost", "[::1]"):
        host = ("Host", f"{name}:{door.port}")
        reply = await door.send("GET", "/v1/models", host, AUTHORIZED, host=False)
        assert reply.status == 200, host


async def test_a_missing_or_doubled_host_is_refused(door: Door) -> None:
    missing = await door.send("GET", "/v1/models", AUTHORIZED, host=False)
    doubled = await door.send("GET", "/v1/models", door.host, AUTHORIZED)
    assert 400 <= missing.status < 404
    assert 400 <= doubled.status < 404
    assert door.small.effects == []


async def test_an_absolute_target_may_not_name_another_host(door: Door) -> None:
    for target in ("http://evil.example/v1/models", f"http://u@127.0.0.1:{door.port}/v1/models"):
        assert (await door.send("GET", target, AUTHORIZED)).status == 403, target
    own = f"http://127.0.0.1:{door.port}/v1/models"
    assert (await door.send("GET", own, AUTHORIZED)).status == 200


def test_the_default_port_may_be_left_out_of_a_host_and_others_may_be_added() -> None:
    assert "localhost" in allowed_hosts("127.0.0.1", 80)
    assert "localhost" not in allowed_hosts("127.0.0.1", 4662)
    assert "box.lan:4662" in allowed_hosts("127.0.0.1", 4662, ["Box.lan"])
    assert "127.0.0.2:4662" in allowed_hosts("127.0.0.2", 4662)


ORIGINS = [
    "http://evil.example",
    "https://evil.example",
    "null",
    "",
    "http://localhost",
    "http://127.0.0.1",
    "http://127.0.0.1:{port}",
    "http://localhost:{port}",
    "https://localhost:{port}",
    "http://localhost:{port}.evil.example",
    "file://",
    "chrome-extension://abcdefghijklmnop",
]
CONTENT_TYPES = [
    "text/plain",
    "text/plain;charset=UTF-8",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/json",
    "application/json; charset=utf-8",
    "text/json",
    "application/octet-stream",
]


@pytest.mark.parametrize("content_type", CONTENT_TYPES)
async def test_no_page_has_any_effect(door: Door, content_type: str) -> None:
    """With and without the token, which a page might have been tricked out of a person."""
    body = json.dumps({"model": "m", "enabled": True}).encode()
    for template in ORIGINS:
        page = ("Origin", template.format(port=door.port))
        for route in ROUTES:
            for credentials in ((), (AUTHORIZED,)):
                reply = await door.send(
                    "POST", route, page, ("Content-Type", content_type), *credentials, body=body
                )
                assert reply.status == 403, (page, route)
                assert not [name for name in reply.headers if name.startswith("access-control")]
    assert door.small.effects == []


@pytest.mark.parametrize("content_type", [t for t in CONTENT_TYPES if "application/json" not in t])
async def test_a_body_that_is_not_json_is_refused(door: Door, content_type: str) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        headers = (AUTHORIZED, ("Content-Type", content_type))
        assert (await door.send(method, "/v1/models", *headers, body=b"{}")).status == 415
    assert (await door.send("POST", "/v1/models", AUTHORIZED, body=b"{}")).status == 415
    assert door.small.effects == []


async def test_two_content_types_are_refused(door: Door) -> None:
    headers = (AUTHORIZED, JSON, ("Content-Type", "text/plain"))
    assert 400 <= (await door.send("POST", "/v1/models", *headers, body=b"{}")).status < 500
    assert door.small.effects == []


@pytest.mark.parametrize("site", ["cross-site", "same-site", "CROSS-SITE", "", "nonsense"])
async def test_what_the_browser_calls_cross_site_is_refused(door: Door, site: str) -> None:
    """Images, scripts and navigation carry no Origin, but every browser sends Sec-Fetch-Site."""
    reply = await door.send("GET", "/v1/models", AUTHORIZED, ("Sec-Fetch-Site", site))
    assert reply.status == 403
    assert "forbidden_origin" in reply.body
    assert door.small.effects == []


async def test_a_person_who_types_the_address_is_not_a_page(door: Door) -> None:
    for site in ("none", "same-origin"):
        reply = await door.send("GET", "/v1/models", AUTHORIZED, ("Sec-Fetch-Site", site))
        assert reply.status == 200


async def test_two_origins_are_refused(door: Door) -> None:
    assert door.policy is not None
    door.policy = replace(door.policy, origins=frozenset({"app://mine"}))
    mine, other = ("Origin", "app://mine"), ("Origin", "http://evil.example")
    assert (await door.send("GET", "/v1/models", AUTHORIZED, mine)).status == 200
    assert (await door.send("GET", "/v1/models", AUTHORIZED, mine, other)).status == 403


async def test_a_preflight_is_never_granted(door: Door) -> None:
    preflight = (
        ("Origin", "http://evil.example"),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "authorization,content-type"),
        ("Access-Control-Request-Private-Network", "true"),
    )
    for route in ROUTES:
        reply = await door.send("OPTIONS", route, *preflight)
        assert reply.status == 403
        assert not [name for name in reply.headers if name.startswith("access-control")]


async def test_refusals_are_logged_now_and_then_and_without_secrets(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="hob")
    for _ in range(101):
        await door.send("GET", "/v1/models", ("Authorization", "Bearer sk-secret"))
    lines = [record.getMessage() for record in caplog.records if record.name == "hob.api.auth"]
    assert len(lines) == 2
    assert "unauthorized" in lines[0]
    assert "sk-secret" not in "".join(lines)
    assert TOKEN not in repr(door.policy)


def test_a_connection_of_unknown_kind_is_refused() -> None:
    policy = TcpPolicy(hosts=frozenset({"h:1"}), token=TOKEN)
    with pytest.raises(ForbiddenPeer):
        admit(make_mocked_request("GET", "/v1/models", headers=dict([AUTHORIZED])), policy)


async def test_a_stranger_on_the_socket_is_refused(tmp_path: Path) -> None:
    def stranger(transport: asyncio.BaseTransport) -> bool:
        return False

    small = SmallApp()
    path = tmp_path / "run" / "hob.sock"
    async with running(small.build(guard(lambda: None, own_peer=stranger))) as runner:
        listeners = Listeners(runner, path)
        await listeners.start()
        connector = aiohttp.UnixConnector(path=str(path))
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.get("http://hob/v1/models", headers=dict([AUTHORIZED])) as reply,
        ):
            assert reply.status == 403
        await listeners.close()
    assert small.effects == []
