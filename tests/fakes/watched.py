"""A library that watches real folders, and what it tells of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from hob.models.folder.copying import Progress
from hob.models.folder.index import Index
from hob.models.folder.scan import Scanner
from hob.models.folder.watch import Watcher, Wish, native_observer
from hob.models.registry import Registry
from hob.wire.events import Event, ModelAdded
from hob.wire.models import ModelInfo

F = TypeVar("F", bound=Event)


class Told:
    """What a library published and who it called; `until` waits for what is to come."""

    def __init__(self) -> None:
        self.facts: list[Event] = []
        self.calls: list[tuple[str, str, object]] = []
        self._more = asyncio.Event()

    def publish(self, fact: Event) -> None:
        self.facts.append(fact)
        self._more.set()

    def model_changed(self, info: ModelInfo, in_place: bool) -> None:
        self.calls.append(("changed", info.name, in_place))

    def model_removed(self, name: str) -> None:
        self.calls.append(("removed", name, None))

    def model_renamed(self, old: str, info: ModelInfo) -> None:
        self.calls.append(("renamed", old, info.name))
        self._more.set()

    def of(self, kind: type[F]) -> list[F]:
        return [fact for fact in self.facts if isinstance(fact, kind)]

    def names(self, kind: type[Event]) -> list[str]:
        return [getattr(fact, "model", "") for fact in self.facts if isinstance(fact, kind)]

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait until `holds`, looking again at each fact."""
        while not holds():
            self._more.clear()
            await self._more.wait()

    async def times(self, kind: type[Event], count: int) -> None:
        """Wait until as many facts of a kind have come."""
        await self.until(lambda: len(self.of(kind)) >= count)

    async def added(self, name: str) -> None:
        await self.until(lambda: name in self.names(ModelAdded))


class _Synced(Watcher):
    """Says when it watches."""

    def __init__(self, wake: Callable[[], None], ready: Callable[[], None], observer: Any) -> None:
        super().__init__(wake, observer)
        self._ready = ready

    def sync(self, wanted: Mapping[str, Wish], folders_seen: int, again: bool = False) -> bool:
        try:
            return super().sync(wanted, folders_seen, again)
        finally:
            self._ready()


class Library:
    """`registry` over `folders` under `home`; see `watching`."""

    def __init__(self, home: Path, *folders: Path, patience_s: float = 30, **options: Any) -> None:
        self.told = Told()
        self.home = home
        self.registry = Registry(
            folders,
            self.told.publish,
            changes=self.told,
            scanner=Scanner(Index(home / "cache" / "models.db"), Progress(patience_s)),
            notes=home / "state" / "models.json",
            **options,
        )

    @property
    def names(self) -> list[str]:
        return [info.name for info in self.registry.infos()]


@asynccontextmanager
async def watching(
    home: Path, *folders: Path, observer: Any = native_observer, **options: Any
) -> AsyncIterator[Library]:
    """A library that watches; inside, its watches are in place."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()

    def is_ready() -> None:
        loop.call_soon_threadsafe(ready.set)

    def make_watcher(wake: Callable[[], None]) -> Watcher:
        return _Synced(wake, is_ready, observer)

    library = Library(home, *folders, make_watcher=make_watcher, **options)
    task = asyncio.create_task(library.registry.watch())
    try:
        await ready.wait()
        await library.registry.rescan()
        yield library
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
