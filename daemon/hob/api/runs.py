"""Several generate requests run at once, their events in one stream."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

from hob.api.ports import Models
from hob.wire.generate import GenerateEvent, GenerateRequest

Numbered = tuple[int, GenerateEvent]

# Events of all runs together that may wait for a slow reader; then the runs wait.
_AHEAD = 64


@contextlib.asynccontextmanager
async def run_all(
    models: Models,
    model: str,
    requests: Sequence[GenerateRequest],
    keep_alive: float | None = None,
) -> AsyncIterator[AsyncIterator[Numbered]]:
    """Run every request; events come as they happen, each with its request's index.

    The iterator raises the first failure of any run. Leaving takes back what is not finished.
    """
    if len(requests) == 1:
        async with models.generate(model, requests[0], keep_alive=keep_alive) as events:
            yield ((0, event) async for event in events)
        return
    # A task group wraps whatever the caller raises; this carries it through as it is.
    failure: Exception | None = None
    merged: asyncio.Queue[_Item] = asyncio.Queue(_AHEAD)
    async with asyncio.TaskGroup() as group:
        pumps = [
            group.create_task(_pump(models, model, request, index, merged, keep_alive=keep_alive))
            for index, request in enumerate(requests)
        ]
        try:
            yield _drain(merged, len(requests))
        except Exception as error:
            failure = error
        for pump in pumps:
            pump.cancel()
    if failure is not None:
        raise failure


# An event, the failure that ended a run, or None for a run's proper end.
_Item = Numbered | Exception | None


async def _pump(
    models: Models,
    model: str,
    request: GenerateRequest,
    index: int,
    merged: asyncio.Queue[_Item],
    *,
    keep_alive: float | None,
) -> None:
    try:
        async with models.generate(model, request, keep_alive=keep_alive) as events:
            async for event in events:
                await merged.put((index, event))
    except Exception as error:
        await merged.put(error)
    else:
        await merged.put(None)


async def _drain(merged: asyncio.Queue[_Item], runs: int) -> AsyncIterator[Numbered]:
    while runs:
        item = await merged.get()
        if isinstance(item, Exception):
            raise item
        if item is None:
            runs -= 1
        else:
            yield item
