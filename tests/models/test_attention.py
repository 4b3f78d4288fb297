"""What a model remembers, as its header and llama.cpp's tables for its architecture say."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

import pytest

from fakes.shaped_gguf import write_shaped
from fakes.tiny_gguf import ARRAY, BOOL, Gguf, Raw
from hob.models.folder.files import look
from hob.models.gguf.attention import Attention

LAYERS = 12


def attention(folder: Path, architecture: str, **numbers: object) -> Attention:
    """Of a header with 8 heads of 64, two of them for keys; `__` stands for a dot."""
    facts: Mapping[str, object] = {
        "block_count": LAYERS,
        "context_length": 8192,
        "embedding_length": 512,
        "attention.head_count": 8,
        "attention.head_count_kv": 2,
        **{key.replace("__", "."): value for key, value in numbers.items()},
    }
    metadata: dict[str, object] = {"general.architecture": architecture}
    metadata |= {f"{architecture}.{key}": value for key, value in facts.items()}
    path = folder / "header.gguf"
    path.write_bytes(Gguf(metadata=metadata).bytes())
    found = look(str(path)).about.attention
    assert found is not None
    return found


def flags(*values: bool) -> Raw:
    return Raw(ARRAY, struct.pack(f"<IQ{len(values)}?", BOOL, len(values), *values))


def sliding_layers(found: Attention) -> list[int]:
    return [layer for layer, slides in enumerate(found.sliding) if slides]


def test_heads_that_share_keys_are_counted_once(tmp_path: Path) -> None:
    found = attention(tmp_path, "llama")
    assert found.kv_bytes_per_token == LAYERS * 2 * 2 * 64 * 2


def test_without_a_count_of_kv_heads_each_head_has_its_own(tmp_path: Path) -> None:
    found = attention(tmp_path, "llama", attention__head_count_kv=8)
    assert found.keys == (512,) * LAYERS


def test_each_layer_may_have_its_own_count_of_heads(tmp_path: Path) -> None:
    counts = [0, 1, 2, 4] * 3
    found = attention(tmp_path, "deci", attention__head_count_kv=counts)
    assert found.keys == tuple(64 * count for count in counts)


def test_a_list_that_is_shorter_than_the_layers_is_not_believed(tmp_path: Path) -> None:
    found = attention(tmp_path, "deci", attention__head_count_kv=[1, 2])
    assert found.keys == (512,) * LAYERS


def test_keys_and_values_may_have_lengths_of_their_own(tmp_path: Path) -> None:
    found = attention(tmp_path, "llama", attention__key_length=128, attention__value_length=96)
    assert (found.keys[0], found.values[0]) == (256, 192)


@pytest.mark.parametrize(
    ("architecture", "full"),
    [
        ("gemma2", [1, 3, 5, 7, 9, 11]),
        ("gemma3", [5, 11]),
        ("cohere2", [3, 7, 11]),
        ("gpt-oss", [1, 3, 5, 7, 9, 11]),
        ("smallthinker", [0, 4, 8]),
    ],
)
def test_layers_slide_by_the_pattern_of_their_architecture(
    tmp_path: Path, architecture: str, full: list[int]
) -> None:
    found = attention(tmp_path, architecture, attention__sliding_window=1024)
    assert sliding_layers(found) == [layer for layer in range(LAYERS) if layer not in full]


def test_the_header_may_say_another_period(tmp_path: Path) -> None:
    found = attention(
        tmp_path, "gemma3", attention__sliding_window=512, attention__sliding_window_pattern=2
    )
    assert sliding_layers(found) == [0, 2, 4, 6, 8, 10]


def test_the_header_may_say_it_for_each_layer(tmp_path: Path) -> None:
    pattern = [layer % 5 == 0 for layer in range(LAYERS)]
    found = attention(
        tmp_path,
        "gemma4",
        attention__sliding_window=512,
        attention__sliding_window_pattern=flags(*pattern),
    )
    assert found.sliding == tuple(pattern)


def test_a_window_that_llama_cpp_does_not_use_saves_nothing(tmp_path: Path) -> None:
    for architecture in ("phi3", "llama", "some-new-one"):
        found = attention(tmp_path, architecture, attention__sliding_window=1024)
        assert (found.window, sliding_layers(found)) == (0, [])


def test_llama_4_sees_chunks_unless_its_header_says_no(tmp_path: Path) -> None:
    assert attention(tmp_path, "llama4").window == 8192
    assert attention(tmp_path, "llama4", attention__sliding_window=0).window == 0


def test_a_sliding_cache_holds_the_window_of_each_sequence_and_one_step(tmp_path: Path) -> None:
    found = attention(tmp_path, "gemma3", attention__sliding_window=100)
    assert found.cells(32768, 5, 512) == (32768, 1024)
    assert found.cells(700, 5, 512) == (768, 768)


def test_layers_that_share_the_cache_of_others_have_none(tmp_path: Path) -> None:
    found = attention(
        tmp_path,
        "gemma4",
        attention__sliding_window=512,
        attention__sliding_window_pattern=flags(*[True] * LAYERS),
        attention__shared_kv_layers=4,
    )
    assert found.keys == (128,) * 8 + (0,) * 4


def test_latent_attention_keeps_the_compressed_keys_alone(tmp_path: Path) -> None:
    found = attention(
        tmp_path,
        "deepseek2",
        attention__head_count_kv=1,
        attention__key_length=576,
        attention__value_length=512,
        attention__key_length_mla=192,
    )
    assert found.kv_bytes_per_token == LAYERS * 576 * 2


def test_every_fourth_layer_of_qwen_3_next_remembers_tokens(tmp_path: Path) -> None:
    found = attention(
        tmp_path,
        "qwen3next",
        ssm__conv_kernel=4,
        ssm__inner_size=1024,
        ssm__state_size=64,
        ssm__group_count=2,
    )
    assert [layer for layer, keys in enumerate(found.keys) if keys] == [3, 7, 11]
    state = (3 * (1024 + 2 * 2 * 64) + 64 * 1024) * 4
    assert found.states[:4] == (state, state, state, 0)


def test_nemotron_has_layers_that_remember_nothing(tmp_path: Path) -> None:
    found = attention(
        tmp_path,
        "nemotron_h",
        block_count=3,
        attention__head_count_kv=[0, 2, 0],
        feed_forward_length=[0, 0, 2048],
        ssm__conv_kernel=4,
        ssm__inner_size=1024,
        ssm__state_size=64,
    )
    assert [bool(keys) for keys in found.keys] == [False, True, False]
    assert [bool(state) for state in found.states] == [True, False, False]


def test_falcon_h1_has_both_in_each_layer(tmp_path: Path) -> None:
    found = attention(
        tmp_path, "falcon-h1", ssm__conv_kernel=4, ssm__inner_size=64, ssm__state_size=8
    )
    assert all(found.keys)
    assert all(found.states)


def test_states_are_counted_by_sequences_and_not_by_tokens(tmp_path: Path) -> None:
    found = look(str(write_shaped(tmp_path, "recurrent"))).about.attention
    assert found is not None
    assert found.kv_bytes_per_token == 0
    assert found.kv_bytes(256, "f16", 7, 512) == found.kv_bytes(8192, "q8_0", 7, 512)
    assert found.kv_bytes(256, "f16", 14, 512) == 2 * found.kv_bytes(256, "f16", 7, 512)


def test_an_encoder_remembers_nothing(tmp_path: Path) -> None:
    assert attention(tmp_path, "bert").kv_bytes(512, "f16", 4, 512) == 0


def test_layers_that_only_guess_ahead_are_left_out(tmp_path: Path) -> None:
    assert len(attention(tmp_path, "glm4moe", nextn_predict_layers=2).keys) == LAYERS - 2


@pytest.mark.parametrize("layers", [0, 513, 2**32 - 1])
def test_absurd_numbers_of_layers_make_no_memory(tmp_path: Path, layers: int) -> None:
    metadata = {"general.architecture": "llama", "llama.block_count": layers}
    path = tmp_path / "absurd.gguf"
    path.write_bytes(Gguf(metadata=metadata).bytes())
    assert look(str(path)).about.attention is None


def test_a_list_under_another_name_is_not_kept(tmp_path: Path) -> None:
    found = attention(tmp_path, "llama", **{"other__head_count_kv": [1] * LAYERS})
    assert found.keys == (128,) * LAYERS


def test_the_parts_of_the_weights_are_told_apart(tmp_path: Path) -> None:
    path = write_shaped(tmp_path, "grouped")
    shape = look(str(path)).about.shape
    assert shape is not None
    assert len(shape.block_bytes) == 6
    assert shape.tied
    assert shape.input_bytes > shape.output_bytes > 0
    parts = sum(shape.block_bytes) + shape.input_bytes + shape.output_bytes
    assert 0 < path.stat().st_size - parts < 20_000
