"""The routes of the desktop: orders, replies and recent answers, on the socket alone."""

from __future__ import annotations

import asyncio

import aiohttp
import msgspec
import pytest

from fakes.running_api import RunningApi
from hob.errors import AlreadyRunning, NoDesktop
from hob.wire.base import ErrorInfo
from hob.wire.desktop import (
    Attached,
    Clip,
    DesktopAsk,
    DesktopHello,
    DesktopState,
    HotkeyState,
    Open,
    OrderReply,
    WriteClip,
)
from hob.wire.plugins import Opens

HELLO = {"session": ":0", "pid": 7}


async def test_orders_come_as_a_stream_until_there_are_no_more(api: RunningApi) -> None:
    desk = api.fakes.desk
    for order in (Attached(desktop="d"), Open(id="1", opens=Opens(text="Hi"))):
        desk.orders.put_nowait(order)
    desk.orders.put_nowait(None)
    reply = await api.post("/hob/v1/desktop/attach", HELLO)
    assert desk.hellos == [DesktopHello(session=":0", pid=7)]
    assert reply.headers["Content-Type"] == "text/event-stream"
    assert reply.events() == [
        {"order": "attached", "desktop": "d"},
        {"order": "open", "id": "1", "opens": {"text": "Hi"}},
    ]
    assert desk.left.is_set()


async def test_a_desktop_that_hangs_up_is_gone(api: RunningApi) -> None:
    desk = api.fakes.desk
    desk.orders.put_nowait(Attached(desktop="d"))
    async with api.session.post("http://localhost/hob/v1/desktop/attach", json=HELLO) as reply:
        while b"attached" not in await reply.content.readline():
            pass
        reply.close()
    await asyncio.wait_for(desk.left.wait(), 10)


async def test_a_taken_session_is_a_conflict(api: RunningApi) -> None:
    api.fakes.desk.problem = AlreadyRunning("A desktop runs on :0 already.", pid=7)
    reply = await api.post("/hob/v1/desktop/attach", HELLO)
    assert reply.error["code"] == "already_running"
    assert reply.error["details"] == {"pid": 7}


async def test_no_desktop_attaches_to_a_daemon_that_stops(api: RunningApi) -> None:
    api.fakes.daemon.stopping = True
    assert (await api.post("/hob/v1/desktop/attach", HELLO)).error["code"] == "shutting_down"


async def test_an_order_is_asked_and_its_reply_comes_back(api: RunningApi) -> None:
    asked = DesktopAsk(order=WriteClip(text="x"), desktop="d")
    reply = await api.post("/hob/v1/desktop/ask", msgspec.to_builtins(asked))
    assert api.fakes.desk.asked == [asked]
    assert msgspec.convert(reply.json(), OrderReply).clip == Clip(text="copied")


async def test_without_a_desktop_it_is_said(api: RunningApi) -> None:
    api.fakes.desk.problem = NoDesktop("None is attached.")
    reply = await api.post("/hob/v1/desktop/ask", {"order": {"order": "read_clip"}})
    assert reply.error["code"] == "no_desktop"


@pytest.mark.parametrize("order", [{"order": "attached"}, {"order": "reboot"}, {}, None])
async def test_only_orders_for_desktops_can_be_asked(api: RunningApi, order: object) -> None:
    reply = await api.post("/hob/v1/desktop/ask", {"order": order})
    assert reply.error["code"] == "invalid_request"
    assert api.fakes.desk.asked == []


async def test_a_reply_reaches_the_desk(api: RunningApi) -> None:
    error = ErrorInfo.of(NoDesktop("No."))
    given = OrderReply(id="order-1", error=error)
    reply = await api.post("/hob/v1/desktop/reply", msgspec.to_builtins(given))
    assert api.fakes.desk.replies == [given]
    assert reply.json() == {"taken": True}


async def test_what_a_desktop_tells_reaches_the_desk(api: RunningApi) -> None:
    state = DesktopState(
        desktop="d", hotkey_way="x11", hotkeys=(HotkeyState(action="ask", hotkey="f9"),)
    )
    reply = await api.post("/hob/v1/desktop/state", msgspec.to_builtins(state))
    assert api.fakes.desk.told == [state]
    assert reply.json()["id"] == "desktop-1"


async def test_the_desktops_are_listed(api: RunningApi) -> None:
    assert [each["pid"] for each in (await api.get("/hob/v1/desktop")).json()["desktops"]] == [7]


async def test_a_desktop_that_triggers_an_action_has_been_used(api: RunningApi) -> None:
    await api.post("/hob/v1/actions/run", {"action": "summarize", "desktop": "desktop-2"})
    assert api.fakes.desk.uses == ["desktop-2"]


async def test_recent_answers_are_kept_listed_and_cleared(api: RunningApi) -> None:
    answer = {"title": "Q", "text": "A", "at": 1.0}
    added = await api.post("/hob/v1/recent", {"title": "Q", "text": "A"})
    assert added.json() == {"answers": [answer]}
    assert (await api.get("/hob/v1/recent")).json() == {"answers": [answer]}
    assert (await api.post("/hob/v1/recent/clear")).json() == {"answers": []}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "desktop/attach"),
        ("POST", "desktop/reply"),
        ("POST", "desktop/state"),
        ("POST", "desktop/ask"),
        ("GET", "desktop"),
        ("GET", "recent"),
        ("POST", "recent"),
        ("POST", "recent/clear"),
    ],
)
async def test_none_of_it_is_possible_over_tcp(api: RunningApi, method: str, path: str) -> None:
    url = f"http://127.0.0.1:{api.port}/hob/v1/{path}"
    async with aiohttp.ClientSession() as session, session.request(method, url, json={}) as reply:
        assert (await reply.json())["error"]["code"] == "forbidden_peer"
    desk = api.fakes.desk
    assert (desk.hellos, desk.asked, desk.told, desk.replies) == ([], [], [], [])
