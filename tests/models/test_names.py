"""Names that people read, type and misspell."""

from __future__ import annotations

import string
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hob.errors import ModelAmbiguous, ModelNotFound
from hob.models.gguf.describe import Description
from hob.models.names import MAX_NAME_CHARS, make_name, match, unique_names

SAFE = set(string.ascii_lowercase + string.digits + "._:-")
NAMES = (
    "smollm2:135m-instruct-q4_1",
    "smollm2:360m-instruct-q8_0",
    "qwen2:7b-instruct-q4_k_m",
    "qwen2.5:7b-instruct-q4_k_m",
    "falcon:7b-q4_0",
)


@pytest.mark.parametrize(
    ("stem", "about", "name"),
    [
        ("SmolLM2-135M-Instruct.Q4_1", Description(), "smollm2:135m-instruct-q4_1"),
        ("SmolLM2-135M-Instruct-Q4_1", Description(), "smollm2:135m-instruct-q4_1"),
        ("gemma-3-270m-q4_k_m", Description(), "gemma-3:270m-q4_k_m"),
        ("gemma-3n-E2B-it-Q4_0", Description(), "gemma-3n:e2b-it-q4_0"),
        ("mistral-7b-instruct-v0.2.Q4_K_M", Description(), "mistral:7b-instruct-v0.2-q4_k_m"),
        ("Llama-3.2-1B-Instruct-IQ4_XS", Description(), "llama-3.2:1b-instruct-iq4_xs"),
        ("Qwen3-30B-A3B-UD-Q4_K_XL", Description(), "qwen3:30b-a3b-ud-q4_k_xl"),
        ("gpt-oss-20b-mxfp4", Description(quantization="MXFP4"), "gpt-oss:20b-mxfp4"),
        (
            "Mixtral-8x7B-Instruct-v0.1-Q5_K_S-00001-of-00003",
            Description(),
            "mixtral:8x7b-instruct-v0.1-q5_k_s",
        ),
        ("phi-4-mini", Description(size_label="3.8B"), "phi-4-mini:3.8b"),
        (
            "ggml-model-q4_0",
            Description(base_name="Foo Bar", size_label="1.1B"),
            "foo-bar:1.1b-q4_0",
        ),
        ("notes", Description(quantization="F16"), "notes:f16"),
        ("\u65e5\u672c", Description(architecture="llama"), "llama"),
        ("../../etc/passwd", Description(), "etc-passwd"),
        ("...", Description(), "model"),
    ],
)
def test_a_name_is_made_from_the_file_and_its_header(
    stem: str, about: Description, name: str
) -> None:
    assert make_name(stem, about) == name


@given(stem=st.text(max_size=300), title=st.text(max_size=200), quantization=st.text(max_size=20))
def test_every_name_is_safe(stem: str, title: str, quantization: str) -> None:
    about = Description(title=title, base_name=title, size_label=title, quantization=quantization)
    name = make_name(stem, about)
    assert 0 < len(name) <= MAX_NAME_CHARS
    assert set(name) <= SAFE


def test_equal_wishes_get_names_that_do_not_depend_on_other_files() -> None:
    wishes = {"/m/a/x.gguf": "x:q4", "/m/x.gguf": "x:q4", "/m/b/x.gguf": "x:q4"}
    names = unique_names(wishes)
    assert names["/m/x.gguf"] == "x:q4"
    assert len(set(names.values())) == 3
    fewer = unique_names({path: name for path, name in wishes.items() if path != "/m/a/x.gguf"})
    assert fewer["/m/b/x.gguf"] == names["/m/b/x.gguf"]
    assert unique_names(dict(reversed(wishes.items()))) == names


def test_long_equal_wishes_stay_within_the_limit() -> None:
    names = unique_names({f"/m/{number}.gguf": "n" * 100 for number in range(50)})
    assert len(set(names.values())) == 50
    assert all(len(name) <= MAX_NAME_CHARS for name in names.values())


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("smollm2:135m-instruct-q4_1", "smollm2:135m-instruct-q4_1"),
        ("smollm2:135m-instruct-q4_1:latest", "smollm2:135m-instruct-q4_1"),
        ("SmolLM2:135M-Instruct-Q4_1", "smollm2:135m-instruct-q4_1"),
        ("SmolLM2-135M-Instruct.Q4_1.gguf", "smollm2:135m-instruct-q4_1"),
        ("/models/SmolLM2-135M-Instruct.Q4_1.gguf", "smollm2:135m-instruct-q4_1"),
        ("135m", "smollm2:135m-instruct-q4_1"),
        ("smollm2:360m", "smollm2:360m-instruct-q8_0"),
        ("qwen2", "qwen2:7b-instruct-q4_k_m"),
        ("qwen2:latest", "qwen2:7b-instruct-q4_k_m"),
        ("qwen2.5", "qwen2.5:7b-instruct-q4_k_m"),
        (" falcon ", "falcon:7b-q4_0"),
    ],
)
def test_a_name_is_found_by_any_unambiguous_part(wanted: str, name: str) -> None:
    assert match(NAMES, wanted) == name


@pytest.mark.parametrize("wanted", ["smollm2", "7b", "instruct", "SMOLLM2:latest"])
def test_an_ambiguous_part_lists_the_candidates(wanted: str) -> None:
    with pytest.raises(ModelAmbiguous) as caught:
        match(NAMES, wanted)
    assert caught.value.hint.startswith("Say which: ")
    assert "-instruct-" in caught.value.hint


@pytest.mark.parametrize(
    "wanted",
    [
        "",
        " ",
        ".",
        "-",
        ":latest",
        "..",
        "../",
        "../../etc/passwd",
        "/",
        "\\\\.\\pipe\\x",
        "CON",
        "NUL",
        "a\0b",
        "\x1b[31mred",
        "\ud800",
        "x" * 300,
        "x" * 300_000,
        "gpt-4o",
    ],
)
def test_a_hostile_or_unknown_name_is_not_found_and_echoed_harmlessly(wanted: str) -> None:
    with pytest.raises(ModelNotFound) as caught:
        match(NAMES, wanted)
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 200
    caught.value.message.encode()
    assert "smollm2:135m-instruct-q4_1" in caught.value.hint


def test_a_slip_gets_a_proposal() -> None:
    with pytest.raises(ModelNotFound, match="Did you mean falcon:7b-q4_0"):
        match(NAMES, "falkon")


def test_an_empty_library_says_how_to_get_a_model() -> None:
    with pytest.raises(ModelNotFound, match="hob models pull starter"):
        match((), "anything")


@given(wanted=st.text(max_size=300))
def test_any_text_is_found_or_refused(wanted: str) -> None:
    with suppress(ModelNotFound, ModelAmbiguous):
        assert match(NAMES, wanted) in NAMES
