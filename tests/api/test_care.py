"""/hob/v1/models: rm, rename, alias, verify, import, adopt and recommend."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fakes.ports import model_info
from fakes.running_api import RunningApi
from hob.errors import NameTaken
from hob.wire.base import ErrorInfo
from hob.wire.library import (
    Imported,
    ImportFailed,
    ImportProgress,
    Verified,
    VerifyProgress,
)

VERBS: list[tuple[str, dict[str, Any]]] = [
    ("rm", {"model": "tiny"}),
    ("rename", {"model": "tiny", "to": "cat"}),
    ("alias", {"alias": "cat", "model": "tiny"}),
    ("verify", {"model": "tiny"}),
    ("import", {"path": "/x.gguf"}),
    ("adopt", {"models": ["ollama"]}),
]


async def test_the_listings_are_not_taken_for_models_of_that_name(api: RunningApi) -> None:
    assert (await api.get("/hob/v1/models/adopt")).json() == {"models": [], "problems": []}
    assert (await api.get("/hob/v1/models/recommend")).json()["dated"] == "some"
    assert (await api.get("/hob/v1/models/recommend?all=1")).json()["dated"] == "every"


async def test_a_model_is_removed_renamed_and_given_an_alias(api: RunningApi) -> None:
    removed = await api.post("/hob/v1/models/rm", {"model": "tiny"})
    assert removed.json()["trash"] is True
    await api.post("/hob/v1/models/rm", {"model": "tiny", "for_good": True})
    renamed = await api.post("/hob/v1/models/rename", {"model": "tiny", "to": "cat"})
    assert renamed.json()["name"] == "cat"
    alias = await api.post("/hob/v1/models/alias", {"alias": "a", "model": "tiny"})
    assert alias.json() == {"model": "tiny"}
    await api.post("/hob/v1/models/alias", {"alias": "a", "model": ""})
    assert api.fakes.care.done == [
        "rm tiny False", "rm tiny True", "rename tiny cat", "alias a tiny", "alias a ",
    ]  # fmt: skip


async def test_models_of_other_programs_are_linked(api: RunningApi) -> None:
    reply = await api.post("/hob/v1/models/adopt", {"models": ["ollama", "x"]})
    assert [info["name"] for info in reply.json()["models"]] == ["linked"]
    await api.post("/hob/v1/models/adopt", {})
    assert api.fakes.adoption.adopted == [("ollama", "x"), ()]


async def test_a_refusal_has_its_status(api: RunningApi) -> None:
    api.fakes.care.problem = NameTaken("There is a cat.", hint="Take another.")
    reply = await api.post("/hob/v1/models/rename", {"model": "tiny", "to": "cat"})
    assert (reply.status, reply.error["code"]) == (409, "name_taken")


async def test_a_verification_is_streamed_to_its_verdict(api: RunningApi) -> None:
    api.fakes.care.verify_events = [
        VerifyProgress(done_bytes=1, total_bytes=2),
        Verified(model="tiny", sha256="a", expected="", source="", good=None),
    ]
    reply = await api.post("/hob/v1/models/verify", {"model": "tiny", "online": True})
    assert [event["event"] for event in reply.events()] == ["progress", "done"]
    assert api.fakes.care.done == ["verify tiny True"]


async def test_leaving_a_verification_ends_it(api: RunningApi) -> None:
    api.fakes.care.verify_events = [VerifyProgress(done_bytes=1, total_bytes=2), asyncio.Event()]
    async with api.session.post(
        "http://localhost/hob/v1/models/verify", json={"model": "tiny"}
    ) as reply:
        await reply.content.readline()
        reply.close()
    async with asyncio.timeout(10):
        await api.fakes.care.closed.wait()


async def test_an_import_is_streamed_to_its_end(api: RunningApi) -> None:
    api.fakes.care.import_events = [
        ImportProgress(done_bytes=1, total_bytes=2),
        Imported(model=model_info("new")),
    ]
    reply = await api.post("/hob/v1/models/import", {"path": "/x.gguf", "how": "move"})
    assert [event["event"] for event in reply.events()] == ["progress", "done"]
    api.fakes.care.import_events = [ImportFailed(error=ErrorInfo(code="disk_full", message="Full"))]
    reply = await api.post("/hob/v1/models/import", {"path": "/x.gguf"})
    assert reply.events()[-1]["error"]["code"] == "disk_full"
    assert api.fakes.care.done == ["import /x.gguf move", "import /x.gguf copy"]


async def test_paths_of_this_machine_are_taken_over_the_socket_alone(api: RunningApi) -> None:
    import aiohttp

    url = f"http://127.0.0.1:{api.port}/hob/v1/models/import"
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, json={"path": "/x.gguf"}) as reply,
    ):
        assert reply.status == 403
    assert api.fakes.care.done == []


@pytest.mark.parametrize(("verb", "body"), VERBS, ids=[verb for verb, _ in VERBS])
async def test_nothing_is_begun_while_the_daemon_stops(
    api: RunningApi, verb: str, body: dict[str, Any]
) -> None:
    api.fakes.daemon.stopping = True
    reply = await api.post(f"/hob/v1/models/{verb}", body)
    assert (reply.status, reply.error["code"]) == (503, "shutting_down")
    assert api.fakes.care.done == []
    assert api.fakes.adoption.adopted == []


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("rm", {}),
        ("rm", {"model": 5}),
        ("rm", {"model": "tiny", "for_good": "yes"}),
        ("rename", {"model": "tiny"}),
        ("alias", {"model": "tiny"}),
        ("verify", []),
        ("import", {"path": "/x.gguf", "how": "eat"}),
        ("import", {"path": None}),
        ("adopt", {"models": "ollama"}),
    ],
)
async def test_a_malformed_body_does_nothing(api: RunningApi, verb: str, body: Any) -> None:
    reply = await api.post(f"/hob/v1/models/{verb}", body)
    assert (reply.status, reply.error["code"]) == (400, "invalid_request")
    assert api.fakes.care.done == []
    assert api.fakes.adoption.adopted == []


async def test_a_model_is_kept_for_a_time_or_for_good(api: RunningApi) -> None:
    reply = await api.post("/hob/v1/models/keep", {"model": "tin", "for_s": 900})
    assert (reply.status, reply.json()["keep_for_s"]) == (200, 900)
    assert (await api.post("/hob/v1/models/keep", {"model": "big"})).status == 200
    assert api.fakes.models.used == ["keep for 900.0 tiny", "keep for None big"]


@pytest.mark.parametrize("for_s", [0, -1, "1h"])
async def test_a_time_that_is_none_is_refused(api: RunningApi, for_s: object) -> None:
    reply = await api.post("/hob/v1/models/keep", {"model": "tiny", "for_s": for_s})
    assert (reply.status, reply.json()["error"]["param"]) == (400, "for_s")
    assert api.fakes.models.used == []
