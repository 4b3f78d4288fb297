from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from fakes.running_api import RunningApi, running_api


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder whose path fits into a socket's address; pytest's own may not."""
    with tempfile.TemporaryDirectory(prefix="hob") as folder:
        yield Path(folder)


@pytest.fixture
async def api(short_folder: Path) -> AsyncIterator[RunningApi]:
    async with running_api(short_folder) as running:
        yield running
