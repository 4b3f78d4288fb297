"""A pool over in-process workers, for tests in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fakes import virtual_time
from fakes.budget import Budget
from fakes.in_process import FakeChild, World
from fakes.supervised import Facts, Library
from hob.errors import HobError
from hob.supervisor.pool import Pool, PoolOptions
from hob.wire.engine import WarmPrompt
from hob.wire.models import ModelInfo


class Bench:
    """A pool over in-process workers, with one model `m` unless told otherwise. With `weights`
    of its models and a `total`, memory counts."""

    def __init__(
        self,
        *models: str,
        total: int = 0,
        weights: dict[str, int] | None = None,
        **options: float,
    ) -> None:
        self.world = World()
        self.budget = Budget(self.world, total, weights) if weights else None
        self.crashes: list[tuple[ModelInfo, HobError]] = []
        self.facts = Facts()
        self.used: list[str] = []
        self.warm_prompts: Sequence[WarmPrompt] = ()
        self.options_error: HobError | None = None
        self.library = Library(Path("/nowhere"), *(models or ("m",)))
        self.pool = Pool(
            resolve=self.library.resolve,
            infos=self.library.infos,
            publish=self.facts.publish,
            options=PoolOptions(**{"start_ahead": False, **options}),  # type: ignore[arg-type]
            on_use=self.used.append,
            warm_prompts=self.read_warm_prompts,
            spawn=self.world.spawn,
            stamps=self.library.stamps,
            planner=self.budget,
            look_again=self.budget.look_again if self.budget else None,
            private=self.budget.private if self.budget else lambda pid: None,
            on_crash=lambda info, error: self.crashes.append((info, error)),
        )

    def read_warm_prompts(self, _: ModelInfo) -> Sequence[WarmPrompt]:
        if self.options_error is not None:
            raise self.options_error
        return self.warm_prompts

    @property
    def most_alive(self) -> int:
        """The most processes that ever ran at once."""
        return self.world.most_alive

    async def child(self) -> FakeChild:
        """The newest process, after all that can happen without waiting has happened."""
        await self.settle()
        return self.world.children[-1]

    async def settle(self) -> None:
        """In virtual time the clock moves only when there is nothing else to do."""
        await asyncio.sleep(0.001)

    async def failure(self, doing: Awaitable[object]) -> HobError:
        try:
            await doing
        except HobError as error:
            return error
        pytest.fail("nothing failed")


@asynccontextmanager
async def bench(
    *models: str, total: int = 0, weights: dict[str, int] | None = None, **options: float
) -> AsyncIterator[Bench]:
    made = Bench(*models, total=total, weights=weights, **options)
    try:
        yield made
    finally:
        await made.pool.aclose()
    assert not made.world.alive()


def in_virtual_time(test: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    async def main() -> None:
        await test()

    def run() -> None:
        virtual_time.run(main())

    run.__name__ = test.__name__
    run.__doc__ = test.__doc__
    return run
