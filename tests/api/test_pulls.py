"""Downloads, search and login over the API."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from fakes.ports import model_info
from fakes.running_api import RunningApi
from hob.errors import HubRefused, InvalidRequest, NotOnHub
from hob.wire.base import ErrorInfo
from hob.wire.pulls import (
    HubFile,
    HubModel,
    PullDone,
    PullEntry,
    PullFailed,
    PullList,
    PullProgress,
    SearchReply,
)


async def test_a_download_tells_its_progress_until_it_is_done(api: RunningApi) -> None:
    api.fakes.pulls.events = [
        PullProgress(stage="download", done_bytes=1, total_bytes=2),
        PullDone(model=model_info("starter")),
    ]
    reply = await api.post("/hob/v1/models/pull", {"source": "starter"})
    assert reply.headers["Content-Type"] == "text/event-stream"
    assert [event["event"] for event in reply.events()] == ["progress", "done"]
    assert api.fakes.pulls.sources == ["starter"]


async def test_a_download_that_fails_says_why_in_its_stream(api: RunningApi) -> None:
    error = ErrorInfo(code="disk_full", message="The disk is full.")
    api.fakes.pulls.events = [PullFailed(error=error)]
    [event] = (await api.post("/hob/v1/models/pull", {"source": "starter"})).events()
    assert event == {
        "event": "error",
        "error": {"code": "disk_full", "message": "The disk is full."},
    }


async def test_a_client_that_leaves_stops_its_download(api: RunningApi) -> None:
    api.fakes.pulls.events = [PullProgress(stage="download"), asyncio.Event()]
    url = "http://localhost/hob/v1/models/pull"
    async with api.session.post(url, json={"source": "starter"}) as reply:
        await reply.content.readany()
    await api.fakes.pulls.closed.wait()


async def test_a_detached_download_answers_with_its_entry(api: RunningApi) -> None:
    reply = await api.post("/hob/v1/models/pull", {"source": "hf:a/b", "detach": True})
    assert (reply.json()["id"], reply.json()["state"]) == ("1", "waiting")
    assert api.fakes.pulls.calls == ["start hf:a/b"]


async def test_a_detached_download_of_nothing_is_an_error_reply(api: RunningApi) -> None:
    api.fakes.pulls.problem = InvalidRequest("There is no such model.", param="source")
    reply = await api.post("/hob/v1/models/pull", {"source": "x", "detach": True})
    assert (reply.status, reply.error["param"]) == (400, "source")


async def test_the_downloads_are_listed_and_are_no_model_of_that_name(api: RunningApi) -> None:
    entry = PullEntry(
        id="7",
        source="hf:a/b",
        state="running",
        progress=PullProgress(
            stage="download", done_bytes=1, total_bytes=4, bytes_per_second=2.0, left_s=1.5
        ),
    )
    api.fakes.pulls.known = [entry]
    reply = await api.get("/hob/v1/models/pulls")
    assert msgspec.json.decode(reply.body, type=PullList) == PullList(pulls=(entry,))


async def test_a_download_is_stopped_thrown_away_and_resumed_by_its_id(api: RunningApi) -> None:
    for route, body in (
        ("cancel", {"id": "7"}),
        ("cancel", {"id": "7", "discard": True}),
        ("resume", {"id": "7"}),
    ):
        reply = await api.post(f"/hob/v1/models/pulls/{route}", body)
        assert (reply.status, reply.json()["id"]) == (200, "7")
    assert api.fakes.pulls.calls == ["cancel 7", "discard 7", "resume 7"]


async def test_a_search_answers_with_repositories_and_sizes(api: RunningApi) -> None:
    file = HubFile(source="hf:a/b:Q4_0", quantization="Q4_0", size_bytes=5)
    model = HubModel(repo="a/b", downloads=3, license="mit", gated=True, files=(file,))
    api.fakes.pulls.found = (model,)
    reply = await api.post("/hob/v1/models/search", {"text": "smol", "limit": 3})
    assert msgspec.json.decode(reply.body, type=SearchReply).models == (model,)
    assert api.fakes.pulls.calls == ["search smol 3"]


@pytest.mark.parametrize(
    ("problem", "status", "code"),
    [
        (NotOnHub("Not there."), 404, "not_on_hub"),
        (HubRefused("Log in.", hint="hob login hf"), 403, "hub_refused"),
    ],
)
async def test_what_the_hub_refuses_has_its_own_status(
    problem: NotOnHub | HubRefused, status: int, code: str, api: RunningApi
) -> None:
    api.fakes.pulls.problem = problem
    reply = await api.post("/hob/v1/models/search", {"text": "smol"})
    assert (reply.status, reply.error["code"]) == (status, code)


async def test_a_token_is_taken_and_an_empty_one_forgets_it(api: RunningApi) -> None:
    reply = await api.post("/hob/v1/login", {"token": "hf_secret"})
    assert reply.json() == {"name": "ada", "verified": True}
    assert b"hf_secret" not in reply.body
    assert api.fakes.hub.tokens == ["hf_secret"]
    assert (await api.post("/hob/v1/login", {"token": ""})).json()["name"] == ""
    assert api.fakes.hub.tokens == []


async def test_a_token_for_another_service_is_refused(api: RunningApi) -> None:
    reply = await api.post("/hob/v1/login", {"token": "hf_secret", "service": "other"})
    assert reply.status == 400
    assert b"hf_secret" not in reply.body
    assert api.fakes.hub.tokens == []
