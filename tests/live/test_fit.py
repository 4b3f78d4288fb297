"""What was predicted of a model's memory, and what llama.cpp took. With `-s` it prints both."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes.engine_process import EngineProcess
from fakes.measured import Measured, measure
from fakes.shaped_gguf import SHAPES, write_shaped
from fakes.tiny_vision import write_tiny_vision
from fixtures.minilm import embedding_model
from hob.wire.engine import KvType, Loaded, LoadOptions
from live_daemon import LiveDaemon, gemma_model, starter_model

pytestmark = pytest.mark.live

# The promise.
MOST_ERROR = 0.1


def check(found: Measured) -> Measured:
    print("\n" + "\n".join(found.lines()))
    assert found.context == found.predicted_context
    assert abs(found.error) < MOST_ERROR
    assert abs(found.error_beside_process) < MOST_ERROR
    # What follows from the header alone is exact to the rounding of llama.cpp's log.
    assert found.predicted.kv_bytes == pytest.approx(found.taken.kv_bytes, abs=20_000)
    assert found.predicted.weight_bytes == pytest.approx(found.taken.weight_bytes, rel=0.02)
    return found


@pytest.mark.parametrize("kv_type", ["f16", "q8_0"])
@pytest.mark.parametrize("context", [2048, 8192])
def test_the_starter_takes_what_was_predicted(context: int, kv_type: KvType) -> None:
    check(measure(starter_model(), LoadOptions(context_length=context, kv_type=kv_type)))


def test_without_flash_attention_a_step_takes_what_was_predicted() -> None:
    check(measure(starter_model(), LoadOptions(context_length=8192, flash_attention="off")))


@pytest.mark.parametrize("context", [2048, 0])
def test_a_model_with_a_sliding_window_takes_what_was_predicted(context: int) -> None:
    check(measure(gemma_model(), LoadOptions(context_length=context)))


def test_an_embedding_model_takes_what_was_predicted() -> None:
    check(measure(embedding_model(), LoadOptions()))


@pytest.mark.parametrize("shape", SHAPES)
def test_models_of_other_shapes_take_what_was_predicted(tmp_path: Path, shape: str) -> None:
    check(measure(write_shaped(tmp_path, shape), LoadOptions(context_length=4096)))


def test_a_projector_takes_what_was_predicted(tmp_path: Path) -> None:
    seeing = write_tiny_vision(tmp_path)
    options = LoadOptions(context_length=1024, projector=str(seeing.projector))
    found = check(measure(seeing.model, options, seeing.projector))
    assert found.taken.projector_bytes == seeing.projector.stat().st_size


def test_what_was_planned_is_loaded_as_planned(tmp_path: Path) -> None:
    path = write_shaped(tmp_path, "grouped")
    with EngineProcess() as worker:
        loaded = worker.load(path, LoadOptions(context_length=3072, gpu_layers=5))
    assert isinstance(loaded, Loaded)
    assert loaded.info.context_length == 3072
    assert loaded.info.kv_bytes == 3072 * 6 * 2 * 64 * 2


def test_the_daemon_explains_what_fits(tmp_path: Path) -> None:
    with LiveDaemon(tmp_path, [starter_model()]) as daemon:
        fits = daemon.run("models", "fit", "smol")
        refused = daemon.run("models", "fit", "smol", "--context", "16000000")
    assert "fits into main memory" in fits.stdout
    assert "8192 of 8192 tokens" in fits.stdout
    assert "does not fit" in refused.stdout
    assert "What would fit:\n  a context of 8192 tokens" in refused.stdout
