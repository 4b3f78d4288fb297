"""The real daemon with the real starter model, in a home of its own, once per module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from live_daemon import LiveDaemon, starter_model


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.live)


@pytest.fixture(scope="module")
def shared_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDaemon]:
    """A warm daemon for tests that leave it as they found it."""
    home = tmp_path_factory.mktemp("hob")
    with LiveDaemon(home, models=[starter_model()]) as daemon:
        yield daemon


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"
