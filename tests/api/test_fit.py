"""The route that tells what fits."""

from __future__ import annotations

import msgspec
import pytest

from fakes.running_api import RunningApi
from hob.wire.fit import Fit, FitRequest


async def test_a_model_is_explained_by_any_part_of_its_name(api: RunningApi) -> None:
    reply = await api.post("/hob/v1/models/fit", {"model": "tin", "context_length": 512})
    fit = msgspec.json.decode(reply.body, type=Fit)
    assert (fit.model, fit.context_length, fit.need_bytes) == ("tiny", 512, 120)
    assert api.fakes.fits.asked == [FitRequest(model="tiny", context_length=512)]


async def test_a_model_that_there_is_not_is_told(api: RunningApi) -> None:
    reply = await api.post("/hob/v1/models/fit", {"model": "nothing"})
    assert (reply.status, reply.error["code"]) == (404, "model_not_found")


@pytest.mark.parametrize(
    "changes", [{"context_length": -1}, {"kv_type": "q3"}, {"gpu_layers": 2**40}]
)
async def test_what_cannot_be_asked_is_refused(api: RunningApi, changes: dict[str, object]) -> None:
    reply = await api.post("/hob/v1/models/fit", {"model": "tiny", **changes})
    assert reply.status == 400
