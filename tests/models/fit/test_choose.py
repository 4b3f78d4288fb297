"""How a model is loaded into the memory that there is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hob.models.fit.choose import LEAST_CONTEXT, fit_of
from hob.models.fit.need import Facts
from hob.models.gguf.attention import Attention
from hob.models.gguf.shape import Shape
from hob.wire.engine import LoadOptions
from hob.wire.fit import DeviceMemory, Fit

MIB, GIB = 2**20, 2**30
LAYERS, WHOLE = 32, 131072
MARGIN = 512 * MIB

# 8 billion parameters in four bits: 128 KiB a token, 4.5 GiB of weights.
MODEL = Facts(
    attention=Attention(
        keys=(1024,) * LAYERS,
        values=(1024,) * LAYERS,
        sliding=(False,) * LAYERS,
        states=(0,) * LAYERS,
    ),
    shape=Shape(
        embedding=4096,
        feed_forward=14336,
        heads=32,
        head_length=128,
        kv_width=1024,
        vocabulary=128256,
        block_bytes=(128 * MIB,) * LAYERS,
        input_bytes=280 * MIB,
        output_bytes=400 * MIB,
    ),
    architecture="llama",
    context_length=WHOLE,
)


def cpu(free: float) -> DeviceMemory:
    return DeviceMemory(name="cpu", total_bytes=64 * GIB, free_bytes=int(free * GIB))


def gpu(free: float, number: int = 0) -> DeviceMemory:
    return DeviceMemory(
        name=f"CUDA{number}",
        kind="gpu",
        description="NVIDIA",
        total_bytes=80 * GIB,
        free_bytes=int(free * GIB),
    )


def fit(*devices: DeviceMemory, **options: object) -> Fit:
    return fit_of("m", MODEL, LoadOptions(**options), devices, MARGIN)  # type: ignore[arg-type]


def leaves_the_margin(found: Fit) -> bool:
    free = {device.name: device.free_bytes for device in found.devices}
    return all(need.total_bytes <= free[need.device] - MARGIN for need in found.needs)


def test_with_memory_enough_the_context_is_the_cap() -> None:
    found = fit(cpu(60))
    assert (found.verdict, found.context_length) == ("cpu", 32768)
    assert "engine.context_cap" in found.why


def test_the_context_is_never_above_the_models_own() -> None:
    assert fit(cpu(60), context_cap=2**20).context_length == WHOLE


def test_the_context_is_the_largest_round_one_that_fits() -> None:
    found = fit(cpu(8))
    assert found.verdict == "cpu"
    assert LEAST_CONTEXT < found.context_length < 32768
    assert found.context_length % 1024 == 0
    assert leaves_the_margin(found)
    more = fit(cpu(8), context_length=found.context_length + 1024)
    assert more.verdict == "no"
    assert "do not fit" in found.why


def test_quantized_numbers_leave_room_for_more_context() -> None:
    whole, quantized = fit(cpu(7)), fit(cpu(7), kv_type="q8_0")
    assert quantized.context_length > 1.5 * whole.context_length


def test_less_than_a_useful_context_is_refused() -> None:
    found = fit(cpu(5))
    assert found.verdict == "no"
    assert found.context_length == LEAST_CONTEXT
    assert "5.4 GB are free" in found.why


def test_a_context_that_was_asked_for_is_kept_or_refused() -> None:
    assert fit(cpu(60), context_length=100_000).context_length == 100_000
    refused = fit(cpu(8), context_length=100_000)
    assert (refused.verdict, refused.context_length) == ("no", 100_000)


def test_all_layers_go_to_a_gpu_that_holds_them() -> None:
    found = fit(cpu(60), gpu(24))
    assert (found.verdict, found.gpu_layers) == ("gpu", LAYERS + 1)
    main, card = found.needs
    assert main.weight_bytes == MODEL.shape.input_bytes
    assert card.weight_bytes == 128 * MIB * LAYERS + MODEL.shape.output_bytes
    assert (main.kv_bytes, card.kv_bytes) == (0, 32768 * 128 * 1024)


def test_context_is_given_up_before_layers() -> None:
    found = fit(cpu(60), gpu(8))
    assert found.verdict == "gpu"
    assert 8192 <= found.context_length < 32768


def test_as_many_layers_as_fit_go_to_a_small_gpu() -> None:
    found = fit(cpu(60), gpu(5))
    assert found.verdict == "split"
    assert 0 < found.gpu_layers <= LAYERS
    assert leaves_the_margin(found)
    one_more = fit(cpu(60), gpu(5), gpu_layers=found.gpu_layers + 1, context_length=8192)
    assert one_more.verdict == "no"


def test_a_gpu_without_room_is_left_alone() -> None:
    found = fit(cpu(60), gpu(0.5))
    assert (found.verdict, found.gpu_layers, found.context_length) == ("cpu", 0, 32768)


def test_neither_alone_holds_it_but_both_do() -> None:
    assert fit(cpu(5), gpu(5)).verdict == "split"
    assert fit(cpu(5)).verdict == "no"


def test_layers_that_were_asked_for_are_kept_or_refused() -> None:
    assert fit(cpu(60), gpu(24), gpu_layers=10).gpu_layers == 10
    assert fit(cpu(60), gpu(1), gpu_layers=LAYERS + 1).verdict == "no"
    assert fit(cpu(60), gpu(24), gpu_layers=0).verdict == "cpu"


def test_several_gpus_share_by_what_is_free() -> None:
    found = fit(cpu(60), gpu(20), gpu(10, 1))
    assert found.verdict == "gpu"
    _, large, small = found.needs
    assert large.kv_bytes == pytest.approx(2 * small.kv_bytes, rel=0.15)


def test_several_gpus_share_as_the_setting_says() -> None:
    found = fit(cpu(60), gpu(40), gpu(40, 1), tensor_split=(3.0, 1.0))
    _, large, small = found.needs
    # The second also makes the logits, so that it has a layer less.
    assert large.kv_bytes == pytest.approx(3 * small.kv_bytes, rel=0.2)


def test_without_a_split_one_gpu_has_all() -> None:
    found = fit(cpu(60), gpu(40), gpu(40, 1), split_mode="none", main_gpu=1)
    assert [need.device for need in found.needs] == ["cpu", "CUDA1"]


def test_tied_weights_are_on_the_gpu_as_well() -> None:
    tied = fit_of(
        "m",
        Facts(MODEL.attention, replace(MODEL.shape, tied=True), "llama", WHOLE),
        LoadOptions(),
        [cpu(60), gpu(40)],
        MARGIN,
    )
    own = fit(cpu(60), gpu(40))
    difference = tied.needs[1].weight_bytes - own.needs[1].weight_bytes
    assert difference == MODEL.shape.input_bytes


def test_a_projector_goes_where_the_layers_go() -> None:
    seeing = Facts(MODEL.attention, MODEL.shape, "llama", WHOLE, projector_bytes=GIB)
    for devices in ([cpu(60)], [cpu(60), gpu(40)]):
        found = fit_of("m", seeing, LoadOptions(), devices, MARGIN)
        assert [need.projector_bytes for need in found.needs][-1] == GIB


def test_an_encoders_input_is_no_longer_than_it_was_trained_for() -> None:
    encoder = Facts(MODEL.attention, MODEL.shape, "bert", 512, kind="embedding", encoder=True)
    found = fit_of("m", encoder, LoadOptions(context_length=4096), [cpu(60)], MARGIN)
    assert found.context_length == 512


@given(
    main=st.floats(0, 64),
    cards=st.lists(st.floats(0, 80), max_size=3),
    context=st.sampled_from([0, 4096, 65536]),
    layers=st.sampled_from([None, 0, 7, 40]),
)
def test_what_fits_never_takes_more_than_there_is(
    main: float, cards: list[float], context: int, layers: int | None
) -> None:
    devices = [cpu(main), *(gpu(free, number) for number, free in enumerate(cards))]
    found = fit(*devices, context_length=context, gpu_layers=layers)
    assert found.verdict == "no" or leaves_the_margin(found)
    assert found.context_length == context or not context
    weights = sum(need.weight_bytes for need in found.needs)
    blocks = 128 * MIB * LAYERS
    assert weights == blocks + MODEL.shape.input_bytes + MODEL.shape.output_bytes
