"""The routes of plugins, actions and tools, and chats that plugins rewrite."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import msgspec
import pytest

from fakes.running_api import RunningApi
from hob.errors import PluginBroken, PluginNotFound, PluginsUnavailable
from hob.wire.base import ErrorInfo
from hob.wire.calls import Prefill, Render
from hob.wire.plugins import ActionFailed, ActionInfo, ActionProgress, ActionText, PluginList

SOCKET_ONLY = [
    ("GET", "/hob/v1/plugins"),
    ("POST", "/hob/v1/plugins/show"),
    ("POST", "/hob/v1/plugins/enable"),
    ("POST", "/hob/v1/plugins/disable"),
    ("POST", "/hob/v1/plugins/reload"),
    ("POST", "/hob/v1/plugins/set"),
    ("POST", "/hob/v1/actions/run"),
    ("POST", "/hob/v1/actions/hotkey"),
]


@pytest.mark.parametrize(("method", "path"), SOCKET_ONLY)
async def test_whoever_holds_a_token_runs_no_plugins(
    api: RunningApi, method: str, path: str
) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, f"http://127.0.0.1:{api.port}{path}", json={}) as reply,
    ):
        assert reply.status == 403
        assert (await reply.json())["error"]["code"] == "forbidden_peer"
    assert api.fakes.plugins.asked == []
    assert api.fakes.plugins.managed == []


async def test_actions_tools_and_plugins_are_listed(api: RunningApi) -> None:
    assert (await api.get("/hob/v1/actions")).json()["actions"][0]["name"] == "shout"
    assert (await api.get("/hob/v1/tools")).json()["tools"][0]["name"] == "add"
    listing = msgspec.json.decode((await api.get("/hob/v1/plugins")).body, type=PluginList)
    assert [info.name for info in listing.plugins] == ["notes"]
    assert listing.folder == "/plugins"


async def test_an_action_streams_what_it_tells(api: RunningApi) -> None:
    api.fakes.plugins.script.insert(0, ActionProgress(fraction=0.5, note="half"))
    reply = await api.post("/hob/v1/actions/run", {"action": "shout", "text": "hello"})
    assert reply.headers["Content-Type"] == "text/event-stream"
    assert [event["event"] for event in reply.events()] == [
        "started",
        "progress",
        "text",
        "finished",
    ]
    assert api.fakes.plugins.asked[0].text == "hello"


async def test_a_run_that_fails_ends_its_stream_with_the_error(api: RunningApi) -> None:
    broken = ErrorInfo.of(PluginBroken("The plugin notes ended.", plugin="notes"))
    api.fakes.plugins.script[:] = [ActionText(text="half"), ActionFailed(error=broken)]
    last = (await api.post("/hob/v1/actions/run", {"action": "shout"})).events()[-1]
    assert (last["event"], last["error"]["code"]) == ("failed", "plugin_broken")


async def test_an_action_that_there_is_not_is_an_error_and_no_stream(api: RunningApi) -> None:
    reply = await api.post("/hob/v1/actions/run", {"action": "sing"})
    assert (reply.status, reply.error["code"]) == (404, "action_not_found")


async def test_hanging_up_takes_the_run_back(api: RunningApi) -> None:
    api.fakes.plugins.script[:] = [ActionText(text="a"), asyncio.Event()]
    url = "http://localhost/hob/v1/actions/run"
    async with api.session.post(url, json={"action": "shout"}) as reply:
        await reply.content.readany()
    async with asyncio.timeout(10):
        await api.fakes.plugins.left.wait()


@pytest.mark.parametrize("verb", ["enable", "disable", "reload"])
async def test_a_plugin_is_managed_and_told_of(api: RunningApi, verb: str) -> None:
    reply = await api.post(f"/hob/v1/plugins/{verb}", {"plugin": "notes"})
    assert reply.json()["name"] == "notes"
    assert api.fakes.plugins.managed == [(verb, "notes", "", None)]


async def test_a_setting_is_set_as_it_is_written(api: RunningApi) -> None:
    body = {"plugin": "notes", "setting": "size", "value": "7"}
    assert (await api.post("/hob/v1/plugins/set", body)).json()["name"] == "notes"
    assert api.fakes.plugins.managed == [("set", "notes", "size", "7")]


async def test_what_the_plugins_refuse_is_the_reply(api: RunningApi) -> None:
    api.fakes.plugins.refusal = PluginNotFound("There is no plugin.", param="plugin")
    reply = await api.post("/hob/v1/plugins/enable", {"plugin": "other"})
    assert (reply.status, reply.error["code"]) == (404, "plugin_not_found")


async def test_one_plugin_is_shown_and_a_wrong_name_is_none(api: RunningApi) -> None:
    assert (await api.post("/hob/v1/plugins/show", {"plugin": "notes"})).json()["title"] == "Notes"
    reply = await api.post("/hob/v1/plugins/show", {"plugin": "note"})
    assert (reply.status, reply.error["code"]) == (404, "plugin_not_found")


async def test_without_any_plugin_the_reason_is_told(api: RunningApi) -> None:
    api.fakes.plugins.plugins.clear()
    api.fakes.plugins.problem = ErrorInfo.of(PluginsUnavailable("Plugins are turned off."))
    reply = await api.post("/hob/v1/plugins/show", {"plugin": "notes"})
    assert (reply.status, reply.error["code"]) == (503, "plugins_unavailable")


async def test_a_hotkey_is_set_in_its_normal_form(api: RunningApi) -> None:
    reply = await api.post("/hob/v1/actions/hotkey", {"action": "shout", "hotkey": "Alt+Ctrl+K"})
    assert msgspec.json.decode(reply.body, type=ActionInfo).name == "shout"
    assert api.fakes.plugins.managed == [("hotkey", "shout", "", "ctrl+alt+k")]


@pytest.mark.parametrize("hotkey", ["", None])
async def test_no_hotkey_and_the_default_one_are_different_wishes(
    api: RunningApi, hotkey: str | None
) -> None:
    await api.post("/hob/v1/actions/hotkey", {"action": "shout", "hotkey": hotkey})
    assert api.fakes.plugins.managed == [("hotkey", "shout", "", hotkey)]


async def test_keys_that_are_no_hotkey_reach_no_plugin(api: RunningApi) -> None:
    reply = await api.post("/hob/v1/actions/hotkey", {"action": "shout", "hotkey": "banana"})
    assert (reply.status, reply.error["code"]) == (400, "bad_hotkey")
    assert api.fakes.plugins.managed == []


# ---- chats that plugins rewrite ----


def polite(request: dict[str, Any]) -> dict[str, Any]:
    system = {"role": "system", "content": "Be polite."}
    return request | {"messages": [system, *request["messages"]], "stream": True}


async def test_a_chat_runs_as_plugins_have_rewritten_it(api: RunningApi) -> None:
    api.fakes.plugins.rewriter = polite
    reply = await api.chat(max_tokens=5)
    assert reply.status == 200
    asked = api.fakes.models.requests[-1]
    assert [message.role for message in asked.messages] == ["system", "user"]
    assert asked.max_tokens == 5


async def test_how_the_answer_comes_stays_as_the_client_wants_it(api: RunningApi) -> None:
    api.fakes.plugins.rewriter = polite
    assert (await api.chat()).headers["Content-Type"].startswith("application/json")
    assert (await api.chat(stream=True)).headers["Content-Type"] == "text/event-stream"


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"messages": "Hi"},
        {"messages": [{"role": "user", "content": "Hi"}], "temperature": -4},
        {"messages": [{"role": "user", "content": "Hi"}], "logit_bias": {object(): 1}},
        {"messages": [{"role": "user", "content": {1: 2}}]},
    ],
)
async def test_a_chat_that_a_plugin_makes_invalid_runs_as_it_was(
    api: RunningApi, bad: dict[str, Any]
) -> None:
    api.fakes.plugins.rewriter = lambda _: bad
    assert (await api.chat()).status == 200
    assert [message.content for message in api.fakes.models.requests[-1].messages] == ["Hi"]
    (refused,) = api.fakes.plugins.refused
    assert refused.code == "invalid_request"


async def test_a_chat_that_is_invalid_reaches_no_plugin(api: RunningApi) -> None:
    api.fakes.plugins.rewriter = polite
    assert (await api.chat(temperature=-4)).status == 400
    assert api.fakes.plugins.askers == []


async def test_a_plugin_that_asks_is_known_by_its_header(api: RunningApi) -> None:
    api.fakes.plugins.rewriter = polite
    body = {"messages": [{"role": "user", "content": "Hi"}]}
    await api.post("/v1/chat/completions", body, headers={"X-Hob-Plugin": "notes"})
    assert api.fakes.plugins.askers == ["notes"]


@pytest.mark.parametrize("what", ["prefill", "count-tokens", "apply-template"])
async def test_what_is_read_ahead_or_counted_is_rewritten_alike(api: RunningApi, what: str) -> None:
    api.fakes.plugins.rewriter = polite
    await api.post(f"/hob/v1/{what}", {"messages": [{"role": "user", "content": "Hi"}]})
    call = api.fakes.models.calls[-1]
    assert isinstance(call, Prefill | Render)
    assert [message.role for message in call.request.messages] == ["system", "user"]


async def test_a_model_calls_the_tools_of_plugins(api: RunningApi) -> None:
    await api.chat(hob_tools="all")
    assert [tool.name for tool in api.fakes.models.requests[-1].tools] == ["add"]
    reply = await api.chat(hob_tools=["sub"])
    assert (reply.status, reply.error["code"]) == (404, "tool_not_found")
