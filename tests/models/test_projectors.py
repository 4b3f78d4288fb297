"""Which projector belongs to which model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fakes.tiny_gguf import write_tiny_gguf
from fakes.tiny_vision import tiny_projector
from hob.models.folder.scan import refreshed, scan
from hob.models.registry import Registry
from hob.wire.models import ModelInfo

EYES = tiny_projector().bytes()


def folder_of(tmp_path: Path, *names: str) -> dict[str, ModelInfo]:
    """The models of a folder of such files, by the stem of their path."""
    for name in names:
        if "mmproj" in name.lower():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(EYES)
        else:
            write_tiny_gguf(tmp_path / name)
    return {Path(m.info.path).stem: m.info for m in scan([tmp_path], {}).values()}


@pytest.mark.parametrize(
    "projector",
    [
        "mmproj-tiny-see-f16.gguf",
        "tiny-see-mmproj-Q8_0.gguf",
        "Tiny-See.mmproj.gguf",
        "mmproj-F16.gguf",
        "mmproj-model-f16.gguf",
        "mmproj-anything.gguf",
    ],
)
def test_a_projector_beside_its_model_gives_it_eyes(tmp_path: Path, projector: str) -> None:
    models = folder_of(tmp_path, "tiny-see-Q4_K_M.gguf", projector)
    (info,) = models.values()
    assert info.projector == str(tmp_path / projector)
    assert "vision" in info.capabilities
    assert info.problem is None


def test_each_of_several_models_gets_the_projector_of_its_name(tmp_path: Path) -> None:
    names = ("one-Q4_0.gguf", "one-Q8_0.gguf", "two-Q4_0.gguf", "blind-Q4_0.gguf")
    models = folder_of(tmp_path, *names, "mmproj-one-f16.gguf", "mmproj-two-f16.gguf")
    found = {stem: Path(info.projector).name for stem, info in models.items()}
    assert found == {
        "one-Q4_0": "mmproj-one-f16.gguf",
        "one-Q8_0": "mmproj-one-f16.gguf",
        "two-Q4_0": "mmproj-two-f16.gguf",
        "blind-Q4_0": "",
    }
    assert "vision" not in models["blind-Q4_0"].capabilities


def test_of_two_projectors_of_one_name_one_is_taken_and_the_other_is_told(tmp_path: Path) -> None:
    models = folder_of(tmp_path, "a.gguf", "mmproj-a-f16.gguf", "mmproj-a-q8_0.gguf")
    assert Path(models["a"].projector).name == "mmproj-a-f16.gguf"
    assert models["mmproj-a-q8_0"].problem


def test_a_projector_in_another_folder_belongs_to_nobody(tmp_path: Path) -> None:
    models = folder_of(tmp_path, "x/a.gguf", "y/mmproj-a.gguf")
    assert models["a"].projector == ""
    assert models["mmproj-a"].problem
    assert models["mmproj-a"].capabilities == ()


def test_a_projector_of_no_certain_model_belongs_to_nobody(tmp_path: Path) -> None:
    models = folder_of(tmp_path, "a.gguf", "b.gguf", "mmproj-F16.gguf")
    assert not models["a"].projector
    assert not models["b"].projector


def test_a_projector_that_went_away_is_forgotten_at_once(tmp_path: Path) -> None:
    folder_of(tmp_path, "a.gguf", "mmproj-a.gguf")
    (model,) = scan([tmp_path], {}).values()
    assert refreshed(model) is model
    (tmp_path / "mmproj-a.gguf").unlink()
    blind = refreshed(model).info
    assert blind.projector == ""
    assert "vision" not in blind.capabilities


async def test_a_known_projector_is_not_read_again(tmp_path: Path) -> None:
    folder_of(tmp_path, "a.gguf", "mmproj-a.gguf")
    registry = Registry([tmp_path], lambda _event: None)
    await registry.rescan()
    (before,) = registry.infos()
    await registry.rescan()
    assert registry.infos() == (before,)
    assert before.projector


def test_a_projector_for_sound_gives_ears(tmp_path: Path) -> None:
    eyes = tiny_projector()
    heard = dict(eyes.metadata) | {"clip.has_vision_encoder": False, "clip.has_audio_encoder": True}
    write_tiny_gguf(tmp_path / "tiny-Q4_0.gguf")
    (tmp_path / "mmproj-tiny.gguf").write_bytes(replace(eyes, metadata=heard).bytes())
    (model,) = scan([tmp_path], {}).values()
    assert "audio" in model.info.capabilities
    assert "vision" not in model.info.capabilities
