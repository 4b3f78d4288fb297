"""Which files of a repository are taken, and where they go."""

from __future__ import annotations

import pytest

from hob.errors import NotOnHub
from hob.models.pull.selection import HubEntry, choices_of, select

REPO = "org/Some-3B-GGUF"
DIGEST = "ab" * 32


def entries(*paths: str, size: int = 1000) -> list[HubEntry]:
    return [HubEntry(path, size + place, DIGEST) for place, path in enumerate(paths)]


def taken(wish: str, *paths: str) -> list[str]:
    return [file.entry.path for file in select(REPO, wish, entries(*paths))]


def places(wish: str, *paths: str) -> list[str]:
    return [str(file.place) for file in select(REPO, wish, entries(*paths))]


ALL = (
    "Some-3B-Q8_0.gguf",
    "Some-3B-Q4_K_M.gguf",
    "Some-3B-UD-Q4_K_XL.gguf",
    "Some-3B-IQ2_XS.gguf",
    "Some-3B-BF16.gguf",
    "README.md",
    "imatrix.gguf",
)


@pytest.mark.parametrize(
    ("wish", "path"),
    [
        ("", "Some-3B-Q4_K_M.gguf"),
        ("q8_0", "Some-3B-Q8_0.gguf"),
        ("Q8-0", "Some-3B-Q8_0.gguf"),
        ("iq2_xs", "Some-3B-IQ2_XS.gguf"),
        ("UD-Q4_K_XL", "Some-3B-UD-Q4_K_XL.gguf"),
        ("q4_k_xl", "Some-3B-UD-Q4_K_XL.gguf"),
        ("bf16", "Some-3B-BF16.gguf"),
        ("Some-3B-Q8_0.gguf", "Some-3B-Q8_0.gguf"),
        ("some-3b-q8_0", "Some-3B-Q8_0.gguf"),
    ],
)
def test_a_quantization_is_found_by_its_name(wish: str, path: str) -> None:
    assert taken(wish, *ALL) == [path]


@pytest.mark.parametrize(
    ("paths", "path"),
    [
        (("a-Q8_0.gguf", "a-Q4_K_S.gguf"), "a-Q4_K_S.gguf"),
        (("a-Q8_0.gguf", "a-Q2_K.gguf"), "a-Q8_0.gguf"),
        (("gpt-oss-20b-mxfp4.gguf",), "gpt-oss-20b-mxfp4.gguf"),
        (("b.gguf", "a.gguf"), "b.gguf"),
    ],
)
def test_without_a_wish_the_usual_one_is_taken_else_the_smallest(
    paths: tuple[str, ...], path: str
) -> None:
    assert taken("", *paths) == [path]


def test_a_quantization_that_is_not_there_lists_those_that_are() -> None:
    with pytest.raises(NotOnHub) as caught:
        taken("Q3_K_M", *ALL)
    assert "hf:org/Some-3B-GGUF:IQ2_XS" in caught.value.hint


def test_a_wish_that_fits_two_models_lists_them_by_their_files() -> None:
    with pytest.raises(NotOnHub, match="any of 2") as caught:
        taken("Q4_K_M", "One-1B-Q4_K_M.gguf", "Two-3B-Q4_K_M.gguf")
    assert f"hf:{REPO}:One-1B-Q4_K_M.gguf" in caught.value.hint
    both = ("One-1B-Q4_K_M.gguf", "Two-3B-Q4_K_M.gguf")
    assert taken("Two-3B-Q4_K_M.gguf", *both) == ["Two-3B-Q4_K_M.gguf"]


def test_a_split_model_comes_whole_and_in_order() -> None:
    parts = [f"Q4_K_M/Some-3B-Q4_K_M-0000{number}-of-00003.gguf" for number in (2, 3, 1)]
    assert taken("q4_k_m", *parts, "Some-3B-Q8_0.gguf") == sorted(parts)
    assert taken(parts[1], *parts) == sorted(parts)
    assert places("", *parts) == [f"{REPO}/{path.rpartition('/')[2]}" for path in sorted(parts)]


def test_a_split_model_that_lacks_a_part_is_none() -> None:
    parts = [f"a-Q4_K_M-0000{number}-of-00003.gguf" for number in (1, 3)]
    assert taken("", *parts, "a-Q8_0.gguf") == ["a-Q8_0.gguf"]
    with pytest.raises(NotOnHub, match="no GGUF model"):
        taken("", *parts)


def test_a_folder_names_the_quantization_when_the_file_does_not() -> None:
    assert taken("q8_0", "Q8_0/model.gguf", "Q4_0/model.gguf") == ["Q8_0/model.gguf"]


def test_files_of_one_name_keep_their_folders_apart() -> None:
    assert places("q8_0", "Q8_0/model.gguf", "Q4_0/model.gguf") == [f"{REPO}/Q8_0/model.gguf"]


@pytest.mark.parametrize(
    ("projectors", "chosen"),
    [
        (("mmproj-F32.gguf", "mmproj-BF16.gguf", "mmproj-F16.gguf"), "mmproj-F16.gguf"),
        (("mmproj-model-Q8_0.gguf", "mmproj-model-bf16.gguf"), "mmproj-model-bf16.gguf"),
        (("sub/mmproj-x.gguf",), "sub/mmproj-x.gguf"),
        (("mmproj-other-f16.gguf", "mmproj-some-3b-f32.gguf"), "mmproj-some-3b-f32.gguf"),
    ],
)
def test_a_model_that_sees_brings_its_projector(projectors: tuple[str, ...], chosen: str) -> None:
    assert taken("", *ALL, *projectors) == ["Some-3B-Q4_K_M.gguf", chosen]


def test_a_projector_is_named_so_that_its_model_finds_it() -> None:
    assert places("", "Some-3B-Q4_K_M.gguf", "mmproj-model-f16.gguf") == [
        f"{REPO}/Some-3B-Q4_K_M.gguf",
        f"{REPO}/mmproj-Some-3B-F16.gguf",
    ]


def test_projectors_alone_are_no_model() -> None:
    with pytest.raises(NotOnHub):
        taken("", "mmproj-F16.gguf")


@pytest.mark.parametrize(
    "entry",
    [
        HubEntry("../a.gguf", 1000, DIGEST),
        HubEntry("/etc/a.gguf", 1000, DIGEST),
        HubEntry("a\\..\\b.gguf", 1000, DIGEST),
        HubEntry("a.gguf", 0, DIGEST),
        HubEntry("a.gguf", -5, DIGEST),
        HubEntry("a.gguf", 2**63, DIGEST),
        HubEntry("a.gguf", 1000, ""),
        HubEntry("a.gguf", 1000, "../" + "a" * 61),
        HubEntry("a.gguf", 1000, DIGEST.upper()),
        HubEntry("a.bin", 1000, DIGEST),
    ],
)
def test_a_file_that_cannot_be_trusted_is_not_offered(entry: HubEntry) -> None:
    assert choices_of(REPO, [entry]) == ()
    with pytest.raises(NotOnHub):
        select(REPO, "", [entry])


def test_a_file_that_is_listed_twice_is_fetched_once() -> None:
    doubled = [*entries("a-Q4_0.gguf"), *entries("a-Q4_0.gguf", "A-q4_0.GGUF")]
    assert len(select(REPO, "", doubled)) == 1


def test_a_million_parts_are_not_believed() -> None:
    with pytest.raises(NotOnHub):
        taken("", "a-00001-of-99999.gguf")
