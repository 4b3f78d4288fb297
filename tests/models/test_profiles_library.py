"""What profiles are made of, looked up among real files."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes.tiny_gguf import write_tiny_gguf
from hob.models.folder.scan import scan
from hob.models.names import match
from hob.models.profiles.library import resolve_among
from hob.models.profiles.ollama import read_modelfile
from hob.wire.profiles import Profile

CHATML = "{{ '<|im_start|>' + messages[0].role + '<|im_end|>' }}"
TEMPLATE = 'TEMPLATE "<|im_start|>{{ .Prompt }}<|im_end|>"'


def resolved(folder: Path, text: str) -> Profile:
    path = folder / "Modelfile.x"
    path.write_text(text)
    models = scan([folder], {})
    (found,) = resolve_among([read_modelfile(str(path))], models, lambda n: match([*models], n))
    return found


@pytest.mark.parametrize("said", ["./tiny-1m.gguf", "{folder}/tiny-1m.gguf", "{folder}/link.gguf"])
def test_a_model_is_found_by_the_path_of_its_file(tmp_path: Path, said: str) -> None:
    models = tmp_path / "models"
    models.mkdir()
    write_tiny_gguf(models / "tiny-1m.gguf")
    (models / "link.gguf").symlink_to(models / "tiny-1m.gguf")
    found = resolved(models, f"FROM {said.format(folder=models)}")
    assert found.problem is None
    assert found.model.startswith("tiny:1m") or found.model.startswith("link")


def test_a_template_like_the_models_own_is_left_out(tmp_path: Path) -> None:
    write_tiny_gguf(tmp_path / "tiny-1m.gguf", {"tokenizer.chat_template": CHATML})
    found = resolved(tmp_path, f"FROM tiny\n{TEMPLATE}")
    assert (found.problem, found.template, found.changes_load) == (None, "", False)


def test_a_model_of_which_the_file_brings_none_gets_the_modelfiles(tmp_path: Path) -> None:
    write_tiny_gguf(tmp_path / "tiny-1m.gguf", {"tokenizer.chat_template": "{{ 1 }}"})
    found = resolved(tmp_path, f"FROM tiny\n{TEMPLATE}")
    assert (found.template, found.changes_load) == ("chatml", True)


def test_a_file_outside_the_models_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    write_tiny_gguf(tmp_path / "tiny-1m.gguf")
    found = resolved(tmp_path / "models", "FROM ../tiny-1m.gguf")
    assert found.problem is not None
    assert "which is not in the models folder" in found.problem.message
