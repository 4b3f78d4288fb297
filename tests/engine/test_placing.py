"""Where a model's layers go, and what is said of it."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from fakes.tiny_gguf import write_tiny_gguf
from hob.engine import loading
from hob.engine.placing import (
    ALL_LAYERS,
    check_kv_type,
    check_split,
    gpus_of,
    layer_wishes,
    placement,
)
from hob.errors import InvalidRequest
from hob.wire.engine import Device, LoadOptions

CPU = Device(name="CPU", description="a processor", kind="cpu")
GPU = Device(name="CUDA0", description="a card", kind="gpu")


def test_without_a_gpu_nothing_is_tried_on_one() -> None:
    assert layer_wishes(LoadOptions(), can_offload=False) == [0]
    assert layer_wishes(LoadOptions(gpu_layers=0), can_offload=True) == [0]


def test_all_layers_are_tried_first_then_fewer_and_at_last_none() -> None:
    wishes = layer_wishes(LoadOptions(), can_offload=True)
    assert wishes[0] == ALL_LAYERS
    assert wishes[-1] == 0
    assert wishes == sorted(wishes, reverse=True)


def test_what_was_asked_for_is_tried_before_its_parts() -> None:
    wishes = layer_wishes(LoadOptions(gpu_layers=20), can_offload=True)
    assert wishes == [20, 15, 10, 5, 0]
    assert layer_wishes(LoadOptions(gpu_layers=1), can_offload=True) == [1, 0]


def test_only_graphics_processors_count_as_gpus() -> None:
    assert gpus_of([CPU, GPU]) == [GPU]


@pytest.mark.parametrize(
    ("options", "gpus", "can_offload", "offloaded", "layers_on_gpu", "why"),
    [
        (LoadOptions(), [GPU], True, 999, 30, ""),
        (LoadOptions(), [GPU], True, 16, 16, "more than 16 of 30 layers did not fit"),
        (LoadOptions(gpu_layers=10), [GPU], True, 10, 10, "10 layers were to go to the GPU"),
        (LoadOptions(gpu_layers=0), [], True, 0, 0, "no layer was to go"),
        (LoadOptions(), [], False, 0, 0, "no GPU support"),
        (LoadOptions(), [], True, 0, 0, "no GPU was found"),
    ],
)
def test_the_placement_says_why_not_all_layers_are_on_the_gpu(
    options: LoadOptions,
    gpus: list[Device],
    *,
    can_offload: bool,
    offloaded: int,
    layers_on_gpu: int,
    why: str,
) -> None:
    placed = placement(options, gpus, can_offload, 30, offloaded)
    assert placed.layers_on_gpu == layers_on_gpu
    assert placed.device == ("a card" if layers_on_gpu else "CPU")
    assert why in placed.why
    assert bool(placed.why) == bool(why)


@pytest.mark.parametrize("options", [LoadOptions(main_gpu=1), LoadOptions(tensor_split=(1, 1))])
def test_a_gpu_that_is_not_there_is_refused_by_name(options: LoadOptions) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_split(options, [GPU])
    assert caught.value.param.startswith("engine.")
    check_split(options, [GPU, GPU])
    check_split(options, [])


def test_a_quantized_cache_without_flash_attention_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        check_kv_type(LoadOptions(kv_type="q8_0", flash_attention="off"))
    check_kv_type(LoadOptions(kv_type="q8_0"))
    check_kv_type(LoadOptions(flash_attention="off"))


@pytest.mark.parametrize("shares", [(1.0, -1.0), (0.0, 0.0), (float("nan"), 1.0)])
def test_shares_that_are_none_are_refused(shares: tuple[float, ...]) -> None:
    with pytest.raises(InvalidRequest, match="shares of 0 or more"):
        check_split(LoadOptions(tensor_split=shares), [GPU, GPU])


def test_a_gpu_below_the_first_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="main_gpu is -1"):
        check_split(LoadOptions(main_gpu=-1), [GPU])


def test_one_gpu_alone_is_no_obstacle_where_there_is_none(tmp_path: Path) -> None:
    options = LoadOptions(threads=1, gpu_layers=0, split_mode="none", main_gpu=9)
    with ExitStack() as stack:
        path = write_tiny_gguf(tmp_path / "m.gguf")
        loaded = loading.load(path, options, lambda _fraction: None, stack)
        assert loaded.info.placement.device == "CPU"
