"""Which layers go to which GPU, with a llama.cpp that only remembers what it was asked."""

from __future__ import annotations

import ctypes
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest

from fakes.tiny_gguf import write_tiny_gguf
from hob.engine import loading, placing
from hob.engine.native import context, model
from hob.errors import ModelLoadFailed
from hob.wire.engine import Device, LoadOptions

GPU = Device(name="CUDA0", description="A GPU", kind="gpu")
OTHER = Device(name="CUDA1", description="Another GPU", kind="gpu")
INTEGRATED = Device(name="iGPU", description="", kind="igpu")
CPU = Device(name="CPU", description="", kind="cpu")


@pytest.mark.parametrize(
    ("wish", "offload", "tried"),
    [
        (None, True, [32, 24, 16, 8, 0]),
        (None, False, [0]),
        (0, True, [0]),
        (999, True, [32, 24, 16, 8, 0]),
        (8, True, [8, 6, 4, 2, 0]),
        (1, True, [1, 0]),
    ],
)
def test_fewer_layers_are_tried_down_to_none(
    wish: int | None, offload: bool, tried: list[int]
) -> None:
    assert placing.tries(LoadOptions(gpu_layers=wish), 32, offload=offload) == tried


def test_an_integrated_gpu_counts_only_where_there_is_no_other() -> None:
    assert placing.gpus([CPU, INTEGRATED, GPU]) == [GPU]
    assert placing.gpus([CPU, INTEGRATED]) == [INTEGRATED]
    assert placing.gpus([CPU]) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (LoadOptions(main_gpu=2), "numbered 0 to 1"),
        (LoadOptions(main_gpu=-1), "numbered 0 to 1"),
        (LoadOptions(tensor_split=(1, 1, 1)), "3 shares, and there are 2 GPUs"),
        (LoadOptions(tensor_split=(1, -1)), "shares of 0 or more"),
        (LoadOptions(tensor_split=(0, 0)), "one of them above 0"),
        (LoadOptions(tensor_split=(float("nan"),)), "shares of 0 or more"),
        (LoadOptions(kv_type="q8_0", flash_attention="off"), "needs flash attention"),
    ],
)
def test_what_llama_cpp_would_misunderstand_is_refused(options: LoadOptions, words: str) -> None:
    with pytest.raises(ModelLoadFailed) as caught:
        placing.check(options, [GPU, OTHER], most_devices=16)
    assert words in caught.value.message
    assert caught.value.hint


def test_gpu_options_do_not_matter_where_nothing_is_offloaded() -> None:
    options = LoadOptions(main_gpu=3, tensor_split=(1, 1))
    placing.check(options, [], most_devices=16)
    placing.check(LoadOptions(main_gpu=3, gpu_layers=0), [GPU], most_devices=16)


def test_all_layers_on_the_gpu_need_no_reason() -> None:
    placed = placing.placement(LoadOptions(), [GPU], layers=30, asked=31, tried=1)
    assert (placed.device, placed.layers_on_gpu, placed.why) == ("A GPU", 30, "")


def test_a_model_on_one_gpu_names_that_one() -> None:
    options = LoadOptions(split_mode="none", main_gpu=1)
    placed = placing.placement(options, [GPU, OTHER], layers=30, asked=31, tried=1)
    assert placed.device == "Another GPU"


@pytest.mark.parametrize(
    ("wish", "asked", "tried", "why"),
    [
        (None, 15, 3, "the model did not fit: 15 of 30 layers after 3 tries"),
        (0, 0, 1, "engine.gpu_layers is 0"),
        (9, 9, 1, "engine.gpu_layers is 9"),
    ],
)
def test_the_placement_says_why_not_all_layers_are_on_the_gpu(
    wish: int | None, asked: int, tried: int, why: str
) -> None:
    options = LoadOptions(gpu_layers=wish)
    placed = placing.placement(options, [GPU], layers=30, asked=asked, tried=tried)
    assert (placed.layers_on_gpu, placed.why) == (asked, why)


def test_a_build_without_gpu_support_is_the_reason_for_the_cpu() -> None:
    placed = placing.placement(LoadOptions(), [], layers=30, asked=0, tried=1)
    assert (placed.device, placed.layers_on_gpu) == ("CPU", 0)
    assert "no GPU support" in placed.why


class Asked:
    """Remembers the parameters of each load, and loads without a GPU."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, loads_up_to: int = 999) -> None:
        self.params: list[SimpleNamespace] = []
        self._loads_up_to = loads_up_to
        self._real = model.lib.llama_model_load_from_file
        monkeypatch.setattr(model.lib, "llama_model_load_from_file", self._load)
        monkeypatch.setattr(loading, "can_offload", lambda: True)
        monkeypatch.setattr(loading, "devices", lambda: (CPU, GPU, OTHER))

    def _load(self, path: bytes, params: ctypes.Structure) -> int | None:
        native = SimpleNamespace(**{name: getattr(params, name) for name, *_ in params._fields_})
        if not native.vocab_only:
            shares = native.tensor_split
            native.tensor_split = [shares[0], shares[1], shares[2]] if shares else None
            self.params.append(native)
            if native.n_gpu_layers > self._loads_up_to:
                return None
        params.n_gpu_layers, params.split_mode = 0, model.lib.LLAMA_SPLIT_MODE_LAYER  # type: ignore[attr-defined]
        params.tensor_split = None  # type: ignore[attr-defined]
        pointer: int | None = self._real(path, params)
        return pointer

    @property
    def layers(self) -> list[int]:
        return [params.n_gpu_layers for params in self.params]


def load(path: Path, options: LoadOptions) -> tuple[int, str]:
    with ExitStack() as stack:
        loaded = loading.load(write_tiny_gguf(path), options, lambda _fraction: None, stack)
        return loaded.info.placement.layers_on_gpu, loaded.info.placement.why


def test_weights_that_do_not_fit_are_tried_with_fewer_layers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked(monkeypatch, loads_up_to=1)
    placed = load(tmp_path / "m.gguf", LoadOptions(threads=1))
    assert asked.layers == [3, 2, 1]
    assert placed == (1, "the model did not fit: 1 of 2 layers after 3 tries")


def test_a_context_that_does_not_fit_is_tried_with_fewer_layers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked(monkeypatch)
    real = context.lib.llama_init_from_model

    def init(pointer: int, params: object) -> int | None:
        made: int | None = None if asked.layers[-1] else real(pointer, params)
        return made

    monkeypatch.setattr(context.lib, "llama_init_from_model", init)
    placed = load(tmp_path / "m.gguf", LoadOptions(threads=1))
    assert asked.layers == [3, 2, 1, 0]
    assert placed == (0, "the model did not fit: 0 of 2 layers after 4 tries")


def test_the_gpu_options_reach_llama_cpp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(monkeypatch)
    options = LoadOptions(threads=1, split_mode="row", main_gpu=1, tensor_split=(3, 1))
    load(tmp_path / "m.gguf", options)
    (params,) = asked.params
    assert params.split_mode == model.lib.LLAMA_SPLIT_MODE_ROW
    assert (params.main_gpu, params.tensor_split) == (1, [3, 1, 0])


def test_without_layers_on_a_gpu_no_gpu_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked(monkeypatch)
    load(tmp_path / "m.gguf", LoadOptions(threads=1, gpu_layers=0, split_mode="none", main_gpu=9))
    (params,) = asked.params
    assert params.split_mode == model.lib.LLAMA_SPLIT_MODE_LAYER
    assert (params.main_gpu, params.tensor_split) == (0, None)
