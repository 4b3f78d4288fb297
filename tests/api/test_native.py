"""The native routes: the daemon, its models, its listener and its events."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from fakes.ports import model_info
from fakes.running_api import RunningApi, running_api
from hob import __version__
from hob.api.app import ApiOptions
from hob.errors import BadModelFile, OutOfMemory, SecretStoreError
from hob.wire.base import ErrorInfo
from hob.wire.events import DaemonReady, ModelReady
from hob.wire.models import ModelEntry, ModelList
from hob.wire.status import ApiStatus, Status, TokenReply, WorkerStatus


async def test_the_root_says_who_answers(api: RunningApi) -> None:
    assert (await api.get("/")).body.decode() == f"Hob {__version__} is running.\n"


async def test_status_is_what_the_daemon_says(api: RunningApi) -> None:
    reply = await api.get("/hob/v1/status")
    assert msgspec.json.decode(reply.body, type=Status) == api.fakes.daemon.status()


async def test_models_are_listed_with_what_is_done_with_them(api: RunningApi) -> None:
    listing = msgspec.json.decode((await api.get("/hob/v1/models")).body, type=ModelList)
    assert [(entry.info.name, entry.chosen) for entry in listing.models] == [
        ("tiny", True),
        ("big", False),
    ]
    assert listing.folder == "/models"
    assert api.fakes.library.rescans == 0


async def test_the_folder_is_read_again_when_asked(api: RunningApi) -> None:
    await api.get("/hob/v1/models?rescan=1")
    assert api.fakes.library.rescans == 1
    await api.get("/hob/v1/models?rescan=0")
    assert api.fakes.library.rescans == 1
    reply = await api.post("/hob/v1/models/rescan")
    assert msgspec.json.decode(reply.body, type=ModelList).folder == "/models"
    assert api.fakes.library.rescans == 2


async def test_one_model_is_found_by_part_of_its_name(api: RunningApi) -> None:
    reply = await api.get("/hob/v1/models/tin")
    assert msgspec.json.decode(reply.body, type=ModelEntry).info.name == "tiny"


async def test_a_bad_file_can_be_looked_at_by_its_name_but_not_used(api: RunningApi) -> None:
    problem = ErrorInfo.of(BadModelFile("It is cut off.", hint="Fetch it again."))
    bad = msgspec.structs.replace(model_info("folder/bad"), problem=problem)
    api.fakes.library.models.append(bad)
    entry = msgspec.json.decode((await api.get("/hob/v1/models/folder/bad")).body, type=ModelEntry)
    assert entry.info.problem == problem
    reply = await api.post("/hob/v1/models/load", {"model": "folder/bad"})
    assert (reply.status, reply.error["code"]) == (422, "bad_model_file")
    cards = (await api.get("/v1/models")).json()["data"]
    assert [card["id"] for card in cards] == ["tiny", "big"]


@pytest.mark.parametrize("what", ["load", "use"])
async def test_loading_and_choosing_answer_with_the_worker(api: RunningApi, what: str) -> None:
    reply = await api.post(f"/hob/v1/models/{what}", {"model": "bi"})
    assert msgspec.json.decode(reply.body, type=WorkerStatus).model == "big"
    assert api.fakes.models.used == [f"{what} big"]


async def test_unloading_says_what_was_unloaded(api: RunningApi) -> None:
    reply = await api.post("/hob/v1/models/unload", {"model": "big"})
    assert reply.json() == {"model": "big", "unloaded": True}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"model": "nothing"}, 404, "model_not_found"),
        ({"model": "i"}, 409, "model_ambiguous"),
        ({}, 400, "invalid_request"),
        ({"model": 5}, 400, "invalid_request"),
    ],
)
async def test_a_model_that_cannot_be_meant_is_refused(
    api: RunningApi, body: dict[str, Any], status: int, code: str
) -> None:
    reply = await api.post("/hob/v1/models/use", body)
    assert (reply.status, reply.error["code"], reply.error["param"]) == (status, code, "model")


async def test_a_model_that_does_not_fit_says_the_figures(api: RunningApi) -> None:
    api.fakes.models.problem = OutOfMemory("It does not fit.", need_bytes=9, free_bytes=8)
    reply = await api.post("/hob/v1/models/load", {"model": "big"})
    assert (reply.status, reply.error["code"]) == (507, "out_of_memory")
    assert reply.error["details"] == {"need_bytes": 9, "free_bytes": 8}


async def test_while_stopping_no_model_is_loaded(api: RunningApi) -> None:
    api.fakes.daemon.stopping = True
    for route, body in [("load", "model"), ("use", "model"), ("pull", "source")]:
        reply = await api.post(f"/hob/v1/models/{route}", {body: "tiny"})
        assert (reply.status, reply.error["code"]) == (503, "shutting_down")
    assert not api.fakes.models.used


async def test_the_listener_is_opened_and_closed(api: RunningApi) -> None:
    reply = await api.post("/hob/v1/api", {"enabled": True, "port": 5000})
    status = msgspec.json.decode(reply.body, type=ApiStatus)
    assert status.address == "http://127.0.0.1:5000"
    assert (await api.post("/hob/v1/api", {"enabled": True, "allow_file": True})).status == 200
    assert (await api.post("/hob/v1/api", {"enabled": False})).json()["address"] == ""
    assert (await api.get("/hob/v1/api")).json()["socket"] == "/run/hob.sock"
    assert api.fakes.access.calls == ["enable 5000 False", "enable None True", "disable"]


@pytest.mark.parametrize("port", [0, -1, 65536, 2**63, "80", 1.5])
async def test_what_is_no_port_is_refused(api: RunningApi, port: Any) -> None:
    reply = await api.post("/hob/v1/api", {"enabled": True, "port": port})
    assert (reply.status, reply.error["param"]) == (400, "port")
    assert not api.fakes.access.calls


async def test_the_token_is_shown_and_changed_and_never_cached(api: RunningApi) -> None:
    reply = await api.get("/hob/v1/token")
    assert msgspec.json.decode(reply.body, type=TokenReply).token == "secret"
    assert reply.headers["Cache-Control"] == "no-store"
    await api.post("/hob/v1/token/rotate", {})
    assert api.fakes.access.calls == ["token", "rotate"]


async def test_without_a_keyring_the_reason_is_told(api: RunningApi) -> None:
    api.fakes.access.problem = SecretStoreError("There is no keyring.", hint="Unlock it.")
    reply = await api.get("/hob/v1/token")
    assert (reply.status, reply.error["code"]) == (503, "secret_store_unavailable")


@pytest.mark.parametrize("body", [None, {}])
async def test_a_stop_is_passed_on(api: RunningApi, body: dict[str, Any] | None) -> None:
    options = {} if body is None else {"json": body}
    reply = await api.request("POST", "/hob/v1/stop", **options)
    assert reply.json() == {"stopping": True}
    assert api.fakes.daemon.stop_requests == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/hob/v1/token"),
        ("POST", "/hob/v1/token/rotate"),
        ("POST", "/hob/v1/api"),
        ("POST", "/hob/v1/login"),
        ("POST", "/hob/v1/stop"),
    ],
)
async def test_over_tcp_nobody_controls_the_daemon(api: RunningApi, method: str, path: str) -> None:
    url = f"http://127.0.0.1:{api.port}{path}"
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, json={"enabled": True}) as reply,
    ):
        assert reply.status == 403
        assert (await reply.json())["error"]["code"] == "forbidden_peer"
    assert not api.fakes.access.calls
    assert not api.fakes.daemon.stop_requests


async def test_events_are_told_as_they_happen_and_end_with_the_bus(api: RunningApi) -> None:
    asking = asyncio.ensure_future(api.get("/hob/v1/events"))
    for fact in (DaemonReady(at=1.0, pid=5), ModelReady(at=2.0, model="tiny", load_s=0.5), None):
        api.fakes.facts.facts.put_nowait(fact)
    reply = await asking
    assert b"event: daemon.ready\ndata: " in reply.body
    assert reply.events() == [
        {"event": "daemon.ready", "at": 1.0, "pid": 5},
        {"event": "model.ready", "at": 2.0, "model": "tiny", "load_s": 0.5},
    ]
    assert not reply.body.endswith(b"broken")


async def test_a_quiet_stream_of_events_shows_that_it_is_alive(short_folder: Path) -> None:
    options = ApiOptions(keep_alive_s=0.01)
    async with running_api(short_folder, options) as api:
        url = "http://localhost/hob/v1/events"
        async with api.session.get(url) as reply:
            seen = b""
            while seen.count(b": keep-alive\n\n") < 2:
                seen += await reply.content.readany()


async def test_a_listener_that_leaves_is_let_go(api: RunningApi) -> None:
    async with api.session.get("http://localhost/hob/v1/events") as reply:
        await reply.content.readany()
    await api.fakes.facts.left.wait()


async def test_events_end_when_the_server_closes(short_folder: Path) -> None:
    async with running_api(short_folder) as api:
        asking = asyncio.ensure_future(api.get("/hob/v1/events"))
        await api.fakes.facts.subscribed.wait()
        await api.runner.cleanup()
        reply = await asking
        assert reply.status == 200
        assert not reply.body.endswith(b"broken")
        assert api.fakes.facts.left.is_set()


async def test_a_listener_that_leaves_is_not_worth_a_line_in_the_log(
    api: RunningApi, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="hob.api")
    async with api.session.get("http://localhost/hob/v1/events") as reply:
        await reply.content.readany()
    await api.fakes.facts.left.wait()
    assert not [record for record in caplog.records if record.name == "hob.api"]
