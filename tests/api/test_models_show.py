"""/hob/v1/models/show."""

from __future__ import annotations

import msgspec

from fakes.ports import model_info
from fakes.running_api import RunningApi
from hob.errors import BadModelFile
from hob.wire.base import ErrorInfo
from hob.wire.library import ModelDetails


async def test_a_model_is_shown_by_part_of_its_name(api: RunningApi) -> None:
    reply = await api.post("/hob/v1/models/show", {"model": "tin"})
    details = msgspec.json.decode(reply.body, type=ModelDetails)
    assert details.entry.info.name == "tiny"
    assert details.template == "{{ messages }}"


async def test_a_bad_file_is_shown_by_its_name(api: RunningApi) -> None:
    problem = ErrorInfo.of(BadModelFile("It is a web page."))
    api.fakes.library.models.append(
        msgspec.structs.replace(model_info("folder/bad"), problem=problem)
    )
    reply = await api.post("/hob/v1/models/show", {"model": "folder/bad"})
    assert msgspec.json.decode(reply.body, type=ModelDetails).entry.info.problem == problem


async def test_an_unknown_model_is_not_found(api: RunningApi) -> None:
    reply = await api.post("/hob/v1/models/show", {"model": "nowhere"})
    assert reply.status == 404
    assert reply.json()["error"]["code"] == "model_not_found"
