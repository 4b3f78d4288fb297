"""The real daemon with the real starter model, in a home of its own, once per module."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from fakes.chains import Chain, MakeChain
from hob.engine.native.model import Model
from hob.engine.native.vocab import Vocab
from hob.wire.sampling import SamplerName, Sampling
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


@pytest.fixture(scope="module")
def vocab() -> Iterator[Vocab]:
    with Model.load(
        starter_model(), gpu_layers=0, mmap=True, mlock=False, progress=lambda _: None
    ) as model:
        yield model.vocab


@pytest.fixture
def chain(vocab: Vocab) -> Iterator[MakeChain]:
    """Makes a chain with only the samplers named, so that nothing else has a hand in it."""
    made: list[Chain] = []

    def make(*samplers: SamplerName, past: Sequence[int] = (), **values: Any) -> Chain:
        values = {"temperature": 1.0, "seed": 1} | values
        made.append(Chain(vocab, Sampling(samplers=samplers, **values), past))
        return made[-1]

    yield make
    for one in made:
        one.close()
