"""What the planner says of the models of a library."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from fakes.shaped_gguf import SHAPES, write_shaped
from hob.errors import ModelNotFound
from hob.models.fit.machine import Machine
from hob.models.fit.planner import FitPlanner
from hob.models.folder.scan import Model, scan
from hob.wire.engine import LoadOptions
from hob.wire.fit import DeviceMemory, FitRequest, Need
from hob.wire.models import ModelInfo

MIB = 2**20


class Library:
    """The models of a folder on a machine with `free` bytes of main memory."""

    def __init__(self, folder: Path, free: int, held: Sequence[Need] = ()) -> None:
        self.models: dict[str, Model] = scan([folder], {})
        self.options = LoadOptions()
        self.free = free
        self.planner = FitPlanner(
            self.models.get,
            infos=self.infos,
            options=lambda _info: self.options,
            margin_bytes=16 * MIB,
            machine=Machine(read_main=self.main, read_gpus=tuple),
            held=lambda: held,
        )

    def infos(self) -> tuple[ModelInfo, ...]:
        return tuple(model.info for model in self.models.values())

    def main(self) -> DeviceMemory:
        return DeviceMemory(name="cpu", total_bytes=8 * 2**30, free_bytes=self.free)

    def name(self, architecture: str) -> str:
        return next(info.name for info in self.infos() if info.architecture == architecture)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in SHAPES:
        write_shaped(tmp_path, name)
    return tmp_path


def test_a_model_is_explained_as_it_would_be_loaded(folder: Path) -> None:
    library = Library(folder, 2**30)
    found = library.planner.explain(FitRequest(model=library.name("llama")))
    assert (found.verdict, found.context_length) == ("cpu", 8192)
    assert found.needs[0].kv_bytes == 6 * 2 * 64 * 2 * 8192


def test_what_is_asked_goes_before_the_settings(folder: Path) -> None:
    library = Library(folder, 2**30)
    library.options = LoadOptions(context_length=1024)
    name = library.name("llama")
    as_set = library.planner.explain(FitRequest(model=name))
    asked = library.planner.explain(FitRequest(model=name, context_length=4096, kv_type="q8_0"))
    assert (as_set.context_length, as_set.kv_type) == (1024, "f16")
    assert (asked.context_length, asked.kv_type) == (4096, "q8_0")


def test_the_model_that_is_loaded_makes_room_for_itself(folder: Path) -> None:
    held = Need(device="cpu", weight_bytes=500 * MIB, kv_bytes=300 * MIB)
    free = Library(folder, 100 * MIB, [held])
    name = free.name("llama")
    device = free.planner.explain(FitRequest(model=name)).devices[0]
    # Mapped weights are no loss: the system counts them as free.
    assert device.free_bytes == 400 * MIB


def test_a_model_that_there_is_not_is_not_found(folder: Path) -> None:
    with pytest.raises(ModelNotFound):
        Library(folder, 2**30).planner.explain(FitRequest(model="nothing"))


def test_what_does_not_fit_comes_with_what_does(folder: Path) -> None:
    library = Library(folder, 90 * MIB)
    found = library.planner.explain(FitRequest(model=library.name("llama"), context_length=200_000))
    assert found.verdict == "no"
    assert found.need_bytes > 300 * MIB
    shorter = found.nearest[0]
    assert 0 < shorter.context_length < 200_000
    assert shorter.need_bytes < 90 * MIB
    again = library.planner.explain(
        FitRequest(model=found.model, context_length=shorter.context_length)
    )
    assert (again.verdict, again.need_bytes) == ("cpu", shorter.need_bytes)


def test_quantized_numbers_are_offered_where_they_suffice(folder: Path) -> None:
    library = Library(folder, 130 * MIB)
    asked = FitRequest(model=library.name("llama"), context_length=32768)
    found = library.planner.explain(asked)
    assert found.verdict == "no"
    choice = next(choice for choice in found.nearest if choice.kv_type == "q8_0")
    assert (choice.context_length, choice.model) == (32768, "")


def test_quantized_numbers_are_not_offered_where_heads_do_not_fill_blocks(folder: Path) -> None:
    library = Library(folder, 130 * MIB)
    whole = library.models[library.name("llama")]
    about = whole.files[0].about
    assert about.shape is not None
    odd = dataclasses.replace(about, shape=replace(about.shape, head_length=80))
    files = (dataclasses.replace(whole.files[0], about=odd),)
    library.models[whole.info.name] = Model(whole.info, files)
    found = library.planner.explain(FitRequest(model=whole.info.name, context_length=32768))
    assert found.verdict == "no"
    assert not [choice for choice in found.nearest if choice.kv_type == "q8_0"]


def test_another_model_is_offered_and_its_kin_first(folder: Path) -> None:
    library = Library(folder, 70 * MIB)
    large = library.models[library.name("qwen3moe")]
    kin = library.models[library.name("llama")]
    kin_info = replace(kin.info, title=large.info.title)
    library.models[kin.info.name] = Model(kin_info, kin.files)
    found = library.planner.explain(FitRequest(model=large.info.name))
    assert found.verdict == "no"
    others = [choice for choice in found.nearest if choice.model]
    assert others[0].model == kin.info.name
    assert "another quantization" in others[0].words
    assert others[1].model not in (kin.info.name, large.info.name)


def test_a_file_without_layers_is_judged_by_its_size(folder: Path) -> None:
    library = Library(folder, 2**30)
    info = ModelInfo(name="gone", path="/gone.gguf", file_bytes=300 * MIB, modified_at=0)
    found = library.planner.plan(info, LoadOptions(), library.planner.memory())
    assert found.needs[0].weight_bytes >= 300 * MIB


def test_a_profile_is_planned_as_the_model_that_it_is_made_of(folder: Path) -> None:
    library = Library(folder, 2**30)
    base = library.models[library.name("llama")].info
    info = replace(base, name="writer", base=base.name)
    memory = library.planner.memory()
    planned = library.planner.plan(info, LoadOptions(), memory)
    assert planned.needs == library.planner.plan(base, LoadOptions(), memory).needs
    assert planned.model == "writer"


def test_the_model_that_guesses_is_counted_too(folder: Path) -> None:
    library = Library(folder, 2**30)
    name, small = library.name("llama"), library.models[library.name("gemma2")].info
    alone = library.planner.explain(FitRequest(model=name)).needs[0]
    guesses = library.planner.explain(FitRequest(model=small.name)).needs[0]
    library.options = LoadOptions(draft=small.path)
    both = library.planner.explain(FitRequest(model=name)).needs[0]
    assert both.weight_bytes == alone.weight_bytes + guesses.weight_bytes
    assert both.kv_bytes == alone.kv_bytes + guesses.kv_bytes
    assert both.process_bytes == alone.process_bytes


def test_a_changed_file_is_looked_at_again(folder: Path) -> None:
    library = Library(folder, 2**30)
    name = library.name("llama")
    before = library.planner.explain(FitRequest(model=name))
    other = library.models[library.name("qwen3moe")]
    library.models[name] = Model(replace(other.info, name=name), other.files)
    assert library.planner.explain(FitRequest(model=name)).needs != before.needs


def test_the_parts_of_a_split_model_are_counted_together(folder: Path) -> None:
    library = Library(folder, 2**30)
    whole = library.models[library.name("llama")]
    about = whole.files[0].about
    assert about.shape is not None
    half = replace(about.shape, input_bytes=0, output_bytes=0)
    second = type(whole.files[0])("/2.gguf", None, type(about)(shape=half))
    library.models["both"] = Model(replace(whole.info, name="both"), (*whole.files, second))
    one = library.planner.explain(FitRequest(model=whole.info.name)).needs[0]
    both = library.planner.explain(FitRequest(model="both")).needs[0]
    assert both.weight_bytes - one.weight_bytes == sum(half.block_bytes)
