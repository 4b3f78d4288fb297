"""Stands in for the child that talks to the hub: tests say what each order is answered by."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from hob.errors import HobError
from hob.models.pull.child import HubChild
from hob.models.pull.orders import Fetched, Order, PullOrder, Result
from hob.wire.pulls import PullProgress

R = TypeVar("R", bound=Result)


class FakeChild(HubChild):
    """`steps` of a source are progress to report, gates to wait for, and an end. `orders` are
    those that came, `running` the sources that are being worked on."""

    def __init__(self) -> None:
        super().__init__()
        self.orders: list[Order] = []
        self.running: list[str] = []
        self.most_running = 0
        self.steps: dict[str, list[PullProgress | asyncio.Event | HobError | Result]] = {}
        self.began: asyncio.Queue[str] = asyncio.Queue()
        self.ended: asyncio.Queue[str] = asyncio.Queue()

    async def run(
        self,
        order: Order,
        result: type[R],
        report: Callable[[PullProgress], None] = lambda progress: None,
        limit_s: float | None = None,
    ) -> R:
        del limit_s
        self.orders.append(order)
        source = order.task.source if isinstance(order.task, PullOrder) else "other"
        self.running.append(source)
        self.most_running = max(self.most_running, len(self.running))
        self.began.put_nowait(source)
        try:
            for step in self.steps.get(source, []):
                if isinstance(step, PullProgress):
                    report(step)
                elif isinstance(step, asyncio.Event):
                    await step.wait()
                elif isinstance(step, HobError):
                    raise step
                else:
                    assert isinstance(step, result)
                    return step
            raise AssertionError(f"no end is said for {source}")
        finally:
            self.running.remove(source)
            self.ended.put_nowait(source)


def fetched(path: str = "/models/x.gguf", *, already_there: bool = False) -> Fetched:
    from hob.models.pull.orders import FetchedFile

    file = FetchedFile(path=path, sha256="ab" * 32)
    return Fetched(files=(file,), source="hf:org/x@c0ffee", already_there=already_there)
