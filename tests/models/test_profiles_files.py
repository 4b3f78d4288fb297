"""Which files are read as profiles, and what is said of those that cannot be read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hob.models.profiles import files
from hob.models.profiles.files import MAX_FILE_BYTES, find_profile_files, kind_of
from hob.models.profiles.read import read_profiles

GOOD = b'model = "a"\n'


def problem(folder: Path) -> str:
    (profile,) = read_profiles([folder])
    assert profile.problem is not None
    return str(profile.problem.error()).replace(f"{folder}/", "")


@pytest.mark.parametrize(
    "name", ["a.toml", "A.TOML", "Modelfile", "modelfile", "Modelfile.poet", "poet.modelfile"]
)
def test_these_names_are_profiles(name: str) -> None:
    assert kind_of(name)


@pytest.mark.parametrize(
    "name",
    [
        ".a.toml",
        "a.toml~",
        "a.toml.part",
        "a.gguf",
        ".Modelfile.swp",
        "Modelfile~",
        "model",
        "toml",
        "Modelfile.poet~",
    ],
)
def test_hidden_unfinished_and_other_files_are_not(name: str) -> None:
    assert not kind_of(name)
    assert not kind_of(f"{name}~")


def test_all_folders_are_searched_at_any_depth_and_hidden_ones_are_not(tmp_path: Path) -> None:
    for path in ("one/a.toml", "one/deep/er/b.toml", "one/.git/c.toml", "two/Modelfile.d"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(GOOD if path.endswith("toml") else b"FROM a")
    found = read_profiles([tmp_path / "one", tmp_path / "two", tmp_path / "not there"])
    assert [profile.name for profile in found] == ["a", "b", "d"]
    assert not any(profile.problem for profile in found)


def test_a_ring_of_links_ends(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(GOOD)
    (tmp_path / "ring").symlink_to(tmp_path)
    assert len(read_profiles([tmp_path, tmp_path / "ring"])) == 1


def test_a_link_to_a_profile_is_read(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x.toml").write_bytes(GOOD)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "poet.toml").symlink_to(tmp_path / "elsewhere" / "x.toml")
    (profile,) = read_profiles([tmp_path / "models"])
    assert (profile.name, profile.problem) == ("poet", None)


def test_a_link_to_nothing_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.toml").symlink_to(tmp_path / "gone")
    assert "a.toml is a link to a file that is not there" in problem(tmp_path)


def test_a_link_to_itself_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.toml").symlink_to(tmp_path / "a.toml")
    assert "a.toml cannot be read" in problem(tmp_path)


BAD = {
    "empty": (b"", "a.toml is empty."),
    "blank": (b" \n\n", "a.toml is empty."),
    "huge": (b"#" * (MAX_FILE_BYTES + 1), "a.toml is larger than 1 MiB"),
    "latin-1": (b'model = "a"\nsystem = "caf\xe9"', "a.toml, line 2, holds bytes that are not"),
    "nul": (b'model = "a"\n\0', "a.toml, line 2, holds bytes that are not UTF-8"),
    "marked": (b"\xef\xbb\xbf" + GOOD, "a.toml starts with a byte order mark."),
    "utf-16": ('model = "a"'.encode("utf-16"), "a.toml starts with a byte order mark."),
    "binary": (bytes(range(256)), "holds bytes that are not UTF-8 text."),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_file_that_is_no_text_is_told(tmp_path: Path, kind: str) -> None:
    data, words = BAD[kind]
    (tmp_path / "a.toml").write_bytes(data)
    assert words in problem(tmp_path)


def test_a_fifo_is_told_and_waited_for_by_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.toml")
    assert "a.toml cannot be read: it is not a plain file" in problem(tmp_path)


def test_a_bad_file_hides_no_other(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(b"\xff")
    (tmp_path / "b.toml").write_bytes(GOOD)
    (tmp_path / "Modelfile.c").write_bytes(b"nonsense")
    found = {profile.name: profile.problem for profile in read_profiles([tmp_path])}
    assert set(found) == {"a", "b", "c"}
    assert found["b"] is None


def test_no_more_files_are_read_than_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_FILES", 3)
    for number in range(5):
        (tmp_path / f"p{number}.toml").write_bytes(GOOD)
    assert len(find_profile_files([tmp_path])) == 3
