"""Adopting a real model from a store of Ollama laid out by hand, and caring for it while it
answers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fakes.stores import OllamaStore, snapshot
from hob.errors import ModelNotFound
from hob.wire.library import Imported, Verified
from live_daemon import LiveDaemon, starter_model

NAME = "smollm2:135m-q4_1"


@dataclass
class Bench:
    daemon: LiveDaemon
    home: Path

    def ask(self, model: str) -> str:
        reply = self.daemon.openai().chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": "Count to five."}],
            temperature=0,
            max_tokens=8,
        )
        return reply.choices[0].message.content or ""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A daemon of a person who has Ollama with the starter model, and nothing else."""
    home = tmp_path / "person"
    store = OllamaStore(home / ".ollama" / "models")
    store.add("registry.ollama.ai/library/smollm2/135m", starter_model().read_bytes())
    with LiveDaemon(tmp_path / "hob", environ={"HOME": str(home)}) as daemon:
        yield Bench(daemon, home)


def test_an_adopted_model_answers_is_good_and_leaves_ollama_as_it_was(bench: Bench) -> None:
    before = snapshot(bench.home)
    client = bench.daemon.client()
    (found,) = client.adoptable().models
    assert (found.name, found.linked) == ("smollm2:135m", False)
    (info,) = client.adopt(["ollama"]).models
    assert info.name == NAME
    first = bench.ask("smollm2:135m")
    assert first
    verdict = next(event for event in client.verify(NAME) if isinstance(event, Verified))
    assert verdict.good is True
    assert verdict.sha256 == hashlib.sha256(starter_model().read_bytes()).hexdigest()

    assert client.rename(NAME, "counter").name == "counter:135m-q4_1"
    assert bench.ask("counter") == first
    assert client.alias("count", "counter") == "counter:135m-q4_1"
    assert bench.ask("count") == first

    assert client.remove("counter").trash is False
    assert client.models().models == ()
    assert not client.status().workers
    with pytest.raises(ModelNotFound):
        client.remove("counter:135m-q4_1")
    assert snapshot(bench.home) == before


def test_an_imported_model_answers_and_leaves_its_source(bench: Bench, tmp_path: Path) -> None:
    source = tmp_path / "mine-135m.gguf"
    source.write_bytes(starter_model().read_bytes())
    client = bench.daemon.client()
    *_, last = client.import_file(source)
    assert isinstance(last, Imported)
    assert bench.ask(last.model.name)
    assert source.exists()
