"""The header reader, on whole files, broken files and files made to harm."""

from __future__ import annotations

import struct
import tracemalloc
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes.tiny_gguf import Gguf, Raw, Tensor, tiny_gguf, tiny_metadata, tiny_vocabulary
from hob.models.folder.files import look

EDGES = (0, 1, 513, 2**31, 2**32 - 1)
INTEGER_KEYS = sorted(
    {key for key, value in tiny_metadata().items() if isinstance(value, int)}
    | {
        "general.alignment",
        "general.quantization_version",
        "llama.attention.key_length",
        "llama.attention.sliding_window",
        "llama.attention.value_length",
        "llama.expert_count",
        "llama.expert_group_count",
        "llama.expert_used_count",
        "llama.nextn_predict_layers",
        "llama.pooling_type",
        "llama.rope.scaling.original_context_length",
        "split.count",
        "split.no",
        "tokenizer.ggml.padding_token_id",
    }
)
# Values in these make llama.cpp abort, or fit no model.
FATAL = {
    "general.alignment": set(EDGES),
    "llama.attention.head_count": {0, 2**31, 2**32 - 1},
    "llama.attention.head_count_kv": {2**31, 2**32 - 1},
    "llama.attention.key_length": {0, 2**31, 2**32 - 1},
    "llama.attention.value_length": {0, 2**31, 2**32 - 1},
    "llama.block_count": {0, 513, 2**31, 2**32 - 1},
    "llama.context_length": {0},
    "llama.embedding_length": {0, 2**31, 2**32 - 1},
    "llama.expert_count": {1, 513, 2**31, 2**32 - 1},
    "llama.expert_group_count": {1, 513, 2**31, 2**32 - 1},
    "llama.expert_used_count": {1, 513, 2**31, 2**32 - 1},
    "llama.feed_forward_length": {2**31, 2**32 - 1},
    "llama.nextn_predict_layers": {513, 2**31, 2**32 - 1},
    "llama.rope.dimension_count": {2**31, 2**32 - 1},
}


def problem_of(folder: Path, content: Gguf | bytes) -> str:
    """Why a file with this content is bad; empty for a good one."""
    path = folder / "model.gguf"
    path.write_bytes(content if isinstance(content, bytes) else content.bytes())
    problem = look(str(path)).about.problem
    if problem is None:
        return ""
    assert problem.hint
    assert problem.message.isprintable()
    return problem.message


def changed(folder: Path, overrides: Mapping[str, object]) -> str:
    return problem_of(folder, tiny_gguf(overrides))


def test_a_whole_model_is_described(tmp_path: Path) -> None:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(tiny_gguf().bytes())
    about = look(str(path)).about
    assert about.problem is None
    assert about.architecture == "llama"
    assert about.title == "Tiny Llama"
    assert about.quantization == "F32"
    assert about.license == "apache-2.0"
    assert about.parameters == sum(
        tensor.shape[0] * (tensor.shape[1] if len(tensor.shape) > 1 else 1)
        for tensor in tiny_gguf().tensors
    )
    assert (about.context_length, about.embedding_length, about.block_count) == (256, 32, 2)
    assert about.vocabulary_size == len(tiny_vocabulary())
    assert about.has_chat_template
    assert about.capabilities == ("chat", "completion")


@pytest.mark.parametrize("value", EDGES)
@pytest.mark.parametrize("key", INTEGER_KEYS)
def test_edge_values_of_every_integer_field_are_answered(
    key: str, value: int, tmp_path: Path
) -> None:
    problem = changed(tmp_path, {key: value})
    assert bool(problem) == (value in FATAL.get(key, set()))


@pytest.mark.parametrize("value", [0, 1, 3, 16, 513])
def test_an_alignment_that_ggml_cannot_use_is_refused(value: int, tmp_path: Path) -> None:
    assert "align" in changed(tmp_path, {"general.alignment": value})


def test_a_larger_alignment_is_read(tmp_path: Path) -> None:
    content = replace(tiny_gguf({"general.alignment": 4096}), alignment=4096)
    assert problem_of(tmp_path, content) == ""


def test_a_context_length_beyond_belief_is_not_told(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(tiny_gguf({"llama.context_length": 2**32 - 1}).bytes())
    about = look(str(path)).about
    assert about.problem is None
    assert about.context_length is None


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        ({"tokenizer.ggml.tokens": None}, "no vocabulary"),
        ({"tokenizer.ggml.tokens": []}, "no vocabulary"),
        ({"tokenizer.ggml.tokens": "text"}, "no vocabulary"),
        ({"tokenizer.ggml.tokens": [1, 2, 3]}, "no vocabulary"),
        ({"tokenizer.ggml.scores": [1.0]}, "scores does not fit"),
        ({"tokenizer.ggml.scores": ["a"] * 400}, "scores does not fit"),
        ({"tokenizer.ggml.token_type": [1]}, "token_type does not fit"),
        ({"tokenizer.ggml.token_type": [1.0] * 400}, "token_type does not fit"),
        ({"tokenizer.ggml.token_type": 7}, "token_type does not fit"),
        ({"tokenizer.ggml.merges": [1, 2]}, "merges"),
        ({"tokenizer.ggml.model": "no_vocab"}, "no tokenizer"),
        ({"llama.block_count": None}, "does not say block_count"),
        ({"llama.block_count": "two"}, "block_count is not a whole number"),
        ({"llama.block_count": [1, 2]}, "block_count is not a whole number"),
        ({"general.architecture": None}, "which architecture"),
        ({"general.architecture": "clip"}, "projector (mmproj), not a model by itself"),
        ({"general.type": "mmproj"}, "projector (mmproj), not a model by itself"),
        ({"general.type": "adapter"}, "adapter (LoRA), not a model by itself"),
        ({"general.type": "imatrix"}, "not a language model"),
        ({"llama.rope.scaling.type": "sideways"}, "rope scaling 'sideways'"),
        ({"llama.attention.layer_norm_rms_epsilon": -1.0}, "layer_norm_rms_epsilon"),
        ({"llama.attention.layer_norm_rms_epsilon": float("nan")}, "layer_norm_rms_epsilon"),
        ({"general.alignment": "32"}, "alignment"),
    ],
)
def test_a_header_that_cannot_work_is_refused_with_its_reason(
    overrides: dict[str, object], reason: str, tmp_path: Path
) -> None:
    assert reason in changed(tmp_path, overrides)


def test_mixtures_of_experts_with_sound_numbers_are_read(tmp_path: Path) -> None:
    groups = {"llama.expert_group_count": 4, "llama.expert_group_used_count": 2}
    experts = {"llama.expert_count": 8, "llama.expert_used_count": 2}
    assert changed(tmp_path, experts) == ""
    assert changed(tmp_path, experts | groups) == ""
    assert "add up" in changed(tmp_path, experts | groups | {"llama.expert_group_count": 3})


def test_a_recurrent_model_needs_no_attention_heads(tmp_path: Path) -> None:
    metadata = {
        key.replace("llama.", "mamba.") if key.startswith("llama.") else key: value
        for key, value in tiny_metadata().items()
    } | {"general.architecture": "mamba", "mamba.attention.head_count": 0}
    assert problem_of(tmp_path, replace(tiny_gguf(), metadata=metadata)) == ""


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"G", "cut short"),
        (b"GGUF", "cut short"),
        (bytes(1000), "begins with zeros"),
        (b"<!DOCTYPE html><html><title>Not here</title></html>", "web page"),
        (b"  \n<html>", "web page"),
        (b"PK\x03\x04 and so on", "does not begin with the letters GGUF"),
        (b"FUGG" + bytes(100), "does not begin with the letters GGUF"),
        (replace(tiny_gguf(), version=1).bytes(), "version 1"),
        (replace(tiny_gguf(), version=0).bytes(), "version 0"),
        (replace(tiny_gguf(), version=4).bytes(), "version 4"),
        (replace(tiny_gguf(), order=">").bytes(), "big-endian"),
        (replace(tiny_gguf(), order=">", version=2).bytes(), "big-endian"),
        (replace(tiny_gguf(), tensors=()).bytes(), "no weights"),
        (replace(tiny_gguf(), tensor_count=2**63).bytes(), "tensors"),
        (replace(tiny_gguf(), tensor_count=2**64 - 1).bytes(), "tensors"),
        (replace(tiny_gguf(), tensor_count=60_000).bytes(), ""),
        (replace(tiny_gguf(), key_count=2**63).bytes(), "metadata keys"),
        (replace(tiny_gguf(), key_count=8_000).bytes(), ""),
        (replace(tiny_gguf(), key_count=0).bytes(), ""),
    ],
)
def test_what_is_no_model_is_refused_with_its_reason(
    content: bytes, reason: str, tmp_path: Path
) -> None:
    problem = problem_of(tmp_path, content)
    assert problem
    assert reason in problem


def test_version_2_is_read(tmp_path: Path) -> None:
    assert problem_of(tmp_path, replace(tiny_gguf(), version=2)) == ""


@pytest.mark.parametrize("count", [2**30, 2**31, 2**62, 2**63, 2**64 - 1])
@pytest.mark.parametrize("kind", range(14))
def test_arrays_with_absurd_counts_are_refused(kind: int, count: int, tmp_path: Path) -> None:
    array = Raw(9, struct.pack("<IQ", kind, count))
    assert changed(tmp_path, {"tokenizer.ggml.extra": array})


def test_arrays_in_arrays_are_refused(tmp_path: Path) -> None:
    inner = struct.pack("<IQ", 9, 1)
    assert "nests" in changed(tmp_path, {"a.b": Raw(9, inner * 50)})


@pytest.mark.parametrize("length", [2**30, 2**63, 2**64 - 1])
def test_absurd_lengths_of_texts_are_refused(length: int, tmp_path: Path) -> None:
    assert changed(tmp_path, {"general.name": Raw(8, struct.pack("<Q", length))})
    strings = Raw(9, struct.pack("<IQQ", 8, 1, length))
    assert changed(tmp_path, {"tokenizer.ggml.tokens": strings})


def test_an_unknown_type_of_value_is_refused(tmp_path: Path) -> None:
    assert "type 13" in changed(tmp_path, {"a.b": Raw(13, b"")})


def test_a_text_longer_than_the_window_is_stepped_over(tmp_path: Path) -> None:
    assert changed(tmp_path, {"tokenizer.chat_template": "x" * 3_000_000}) == ""
    tokens = ["y" * 700_000, *tiny_vocabulary()[1:]]
    assert changed(tmp_path, {"tokenizer.ggml.tokens": tokens}) == ""


def test_text_from_the_header_is_safe_to_print(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(tiny_gguf({"general.name": "a\x1b[31m\nb\u202ec" + "d" * 999}).bytes())
    title = look(str(path)).about.title
    assert title.isprintable()
    assert len(title) == 200


def test_a_repeated_key_is_refused(tmp_path: Path) -> None:
    whole = tiny_gguf()
    key = struct.pack("<Q", 12) + b"general.type"
    header = whole.header()
    twice = header[:16] + struct.pack("<Q", len(whole.metadata) + 1) + key
    twice += struct.pack("<IQ", 8, 5) + b"model" + header[24:]
    assert "comes twice" in problem_of(tmp_path, twice)


@pytest.mark.parametrize(
    ("tensor", "reason"),
    [
        (Tensor("a", (32,), offset=0), "overlaps"),
        (Tensor("a", (32,), offset=2**20 * 32), "gap"),
        (Tensor("a", (32,), offset=3), "not aligned"),
        (Tensor("a", (32,), offset=2**64 - 32), "fit on any disk"),
        (Tensor("a", (2**62, 2), data=b""), "fit on any disk"),
        (Tensor("a", (2**64 - 1,), data=b""), "fit on any disk"),
        (Tensor("a", (2**40,), data=b""), "cut short"),
        (Tensor("a", (1, 1, 1, 1, 1), data=b""), "5 dimensions"),
        (Tensor("a", (31,), kind=3, data=b""), "whole blocks"),
        (Tensor("a", (32,), kind=4, data=b""), "old quantization"),
        (Tensor("a", (32,), kind=36, data=b""), "old quantization"),
        (Tensor("a", (32,), kind=99, data=b""), "type that this Hob does not know"),
        (Tensor("token_embd.weight", (32,)), "two tensors"),
        (Tensor("n" * 64, (32,)), "name is 64 bytes"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(tensor: Tensor, reason: str, tmp_path: Path) -> None:
    whole = tiny_gguf()
    assert reason in problem_of(tmp_path, replace(whole, tensors=[*whole.tensors, tensor]))


def test_a_cut_file_says_how_much_is_missing(tmp_path: Path) -> None:
    content = tiny_gguf().bytes()
    problem = problem_of(tmp_path, content[:-1])
    assert f"at least {len(content):,} bytes" in problem
    assert f"has {len(content) - 1:,}" in problem


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    content = tiny_gguf({"tokenizer.ggml.tokens": ["a"], "tokenizer.ggml.scores": None}).bytes()
    for end in [*range(0, 3_000, 17), *range(3_000, len(content), 9_999)]:
        assert problem_of(tmp_path, content[:end])


def test_without_a_file_type_the_weights_tell_the_quantization(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(tiny_gguf({"general.file_type": None}).bytes())
    assert look(str(path)).about.quantization == "F32"


SMALL = tiny_gguf(
    {
        "tokenizer.ggml.tokens": ["a", "b"],
        "tokenizer.ggml.scores": None,
        "tokenizer.ggml.token_type": None,
    }
)
SMALL_BYTES = SMALL.bytes()
HEADER_BYTES = len(SMALL.header())


@settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    changes=st.lists(
        st.tuples(
            st.integers(0, HEADER_BYTES - 8),
            st.one_of(
                st.binary(min_size=1, max_size=8),
                st.sampled_from([0, 1, 513, 2**31, 2**32 - 1, 2**63, 2**64 - 1]).map(
                    lambda value: struct.pack("<Q", value)
                ),
            ),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_a_mutated_header_never_costs_time_or_memory(
    changes: list[tuple[int, bytes]], tmp_path: Path
) -> None:
    content = bytearray(SMALL_BYTES)
    for at, data in changes:
        content[at : at + len(data)] = data
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        about = look(str(path)).about
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * 2**20
    assert about.problem is None or about.problem.message


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=st.binary(max_size=400))
def test_noise_behind_the_magic_is_refused(content: bytes, tmp_path: Path) -> None:
    assert problem_of(tmp_path, b"GGUF" + content)


def test_a_hostile_header_of_the_largest_size_stays_cheap(tmp_path: Path) -> None:
    """4 billion empty strings in a file of zeros: counted, refused, never walked."""
    header = tiny_gguf().header()
    path = tmp_path / "model.gguf"
    key = struct.pack("<Q", 3) + b"a.b" + struct.pack("<IIQ", 9, 8, 2**32)
    with path.open("wb") as file:
        file.write(header[:16] + struct.pack("<Q", 1) + key)
        file.truncate(2**36)
    tracemalloc.start()
    try:
        problem = look(str(path)).about.problem
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert problem is not None
    assert "strings" in problem.message
    assert peak < 2 * 2**20
