"""Many changes at once: in the end the library says what is on the disk."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fakes.churn import Churn, differences, on_disk, told
from fakes.watched import watching
from hob.wire.events import ModelAdded, ModelRemoved, ModelRenamed


@pytest.mark.parametrize("seed", range(3))
async def test_after_hundreds_of_changes_the_library_is_what_the_disk_is(
    tmp_path: Path, seed: int
) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    churn = Churn(seed, folders, most=30)

    def a_few() -> None:
        for _ in range(20):
            churn.step()

    async with watching(tmp_path, *folders, patience_s=0) as library:
        for _ in range(15):
            await asyncio.to_thread(a_few)
        # Nobody asks it to look: events alone must have told.
        disk = on_disk(folders)
        registry = library.registry

        def wrong() -> list[str]:
            models = [registry.model(info.name) for info in registry.infos()]
            return differences(told({m.info.name: m for m in models if m}), disk)

        await library.told.until(lambda: not wrong())
        # The facts alone tell the same story.
        known: set[str] = set()
        for fact in library.told.facts:
            if isinstance(fact, ModelAdded):
                assert fact.model not in known
                known.add(fact.model)
            elif isinstance(fact, ModelRemoved):
                known.discard(fact.model)
            elif isinstance(fact, ModelRenamed):
                known = (known - {fact.old}) | ({fact.model} if fact.old in known else set())
        good = {info.name for info in registry.infos() if info.problem is None}
        assert good <= known
        assert known <= {info.name for info in registry.infos()}
