"""LoRA adapters through a true worker, on a tiny model of noise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.engine_process import EngineProcess
from fakes.tiny_gguf import write_tiny_gguf
from fakes.tiny_lora import write_merged, write_tiny_lora
from hob.wire.engine import Loaded, LoadOptions
from hob.wire.generate import AdapterUse, GenerateRequest
from hob.wire.sampling import Sampling

PROMPT = tuple(range(100, 140))
OPTIONS = LoadOptions(slots=4, threads=1, context_length=1024, gpu_layers=0)


def request(id: str, *adapters: AdapterUse) -> GenerateRequest:
    return GenerateRequest(
        id=id,
        prompt=PROMPT,
        adapters=adapters,
        max_tokens=16,
        sampling=Sampling(temperature=0.0),
    )


def started(model: Path) -> EngineProcess:
    worker = EngineProcess()
    loaded = worker.load(model, OPTIONS)
    assert isinstance(loaded, Loaded), loaded
    return worker


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[EngineProcess]:
    with started(write_tiny_gguf(tmp_path / "tiny.gguf")) as worker:
        yield worker


@pytest.fixture
def lora(tmp_path: Path) -> str:
    return str(write_tiny_lora(tmp_path / "lora.gguf"))


def test_scale_0_is_none_and_scale_1_changes_the_answer(worker: EngineProcess, lora: str) -> None:
    # The first request of the worker has an adapter.
    adapted = worker.answer(request("adapted", AdapterUse(lora))).text
    plain = worker.answer(request("plain")).text
    assert worker.answer(request("zero", AdapterUse(lora, 0.0))).text == plain
    assert adapted != plain


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_an_adapter_answers_as_the_merged_model_does(
    worker: EngineProcess, lora: str, tmp_path: Path, scale: float
) -> None:
    adapted = worker.answer(request("adapted", AdapterUse(lora, scale))).text
    with started(write_merged(tmp_path / "merged.gguf", scale=scale)) as merged:
        assert merged.answer(request("merged")).text == adapted


def test_two_at_once_answer_as_each_does_alone(worker: EngineProcess, lora: str) -> None:
    plain = worker.answer(request("plain")).text
    adapted = worker.answer(request("adapted", AdapterUse(lora))).text
    both = worker.ask(request("p"), request("a", AdapterUse(lora)))
    assert (both["p"].text, both["a"].text) == (plain, adapted)


def test_the_cache_does_not_mix_adapters(worker: EngineProcess, lora: str) -> None:
    def cached(id: str, *adapters: AdapterUse) -> int:
        return worker.answer(request(id, *adapters)).finished.usage.cached_tokens

    assert cached("plain") == 0
    assert cached("adapted", AdapterUse(lora)) == 0
    assert cached("weaker", AdapterUse(lora, 0.5)) == 0
    assert cached("again", AdapterUse(lora)) > 0


def test_more_adapters_than_are_kept_still_answer_alike(
    worker: EngineProcess, tmp_path: Path
) -> None:
    files = [str(write_tiny_lora(tmp_path / f"{n}.gguf", f"seed {n}")) for n in range(10)]
    first = [worker.answer(request(f"first {n}", AdapterUse(p))).text for n, p in enumerate(files)]
    again = [worker.answer(request(f"again {n}", AdapterUse(p))).text for n, p in enumerate(files)]
    assert first == again
    assert len(set(first)) > 5


def test_a_bad_adapter_fails_its_request_with_words_and_the_worker_lives(
    worker: EngineProcess, lora: str, tmp_path: Path
) -> None:
    good = Path(lora).read_bytes()
    (tmp_path / "garbage.gguf").write_bytes(b"no adapter at all")
    (tmp_path / "cut.gguf").write_bytes(good[:-2000])
    write_tiny_gguf(tmp_path / "model.gguf")
    write_tiny_lora(tmp_path / "wide.gguf", wider=32)
    expected = {
        "absent": ("invalid_request", "cannot be read"),
        "garbage": ("invalid_request", "no GGUF file"),
        "cut": ("model_load_failed", "does not fit"),
        "model": ("model_load_failed", "does not fit"),
        "wide": ("model_load_failed", "does not fit"),
    }
    for name, (code, words) in expected.items():
        error = worker.answer(
            request(name, AdapterUse(str(tmp_path / f"{name}.gguf")))
        ).failed.error
        assert error.code == code
        assert words in error.message
    assert worker.answer(request("after", AdapterUse(lora))).finished.reason == "length"
