"""What may lie in a models folder, and what the library says of it."""

from __future__ import annotations

import os
import shutil
import socket
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.tiny_gguf import Raw, tiny_gguf, write_split_gguf, write_tiny_gguf
from hob.models.folder.scan import Model, scan
from hob.wire.models import ModelInfo


def listed(folder: Path) -> list[ModelInfo]:
    return [model.info for model in scan([folder], {}).values()]


def only(folder: Path) -> ModelInfo:
    (info,) = listed(folder)
    return info


def reason(info: ModelInfo) -> str:
    assert info.problem is not None
    assert info.problem.code == "bad_model_file"
    assert info.problem.hint
    return info.problem.message


def test_a_model_is_listed_with_its_file(tmp_path: Path) -> None:
    path = write_tiny_gguf(tmp_path / "deep" / "er" / "Tiny-Llama-1B-Chat-F32.gguf")
    info = only(tmp_path)
    assert info.name == "tiny-llama:1b-chat-f32"
    assert info.path == str(path)
    assert info.file_bytes == path.stat().st_size
    assert info.modified_at == pytest.approx(path.stat().st_mtime)
    assert info.problem is None


def test_a_file_called_model_is_named_after_its_own_folder(tmp_path: Path) -> None:
    write_tiny_gguf(tmp_path / "Phi-4-mini" / "model.gguf")
    assert only(tmp_path).name == "phi-4-mini:f32"
    root = tmp_path / "Phi-4-mini"
    assert only(root).name == "tiny-llama:f32"


def test_an_empty_folder_lists_nothing(tmp_path: Path) -> None:
    assert listed(tmp_path) == []


def test_a_missing_folder_lists_nothing(tmp_path: Path) -> None:
    assert listed(tmp_path / "none") == []


@pytest.mark.parametrize(
    "name",
    [
        ".hidden.gguf",
        ".cache/model.gguf",
        "model.gguf.part",
        "model.gguf.crdownload",
        "model.gguf.incomplete",
        "model.gguf~",
        "README.md",
    ],
)
def test_hidden_partial_and_other_files_are_left_out(name: str, tmp_path: Path) -> None:
    write_tiny_gguf(tmp_path / name)
    assert listed(tmp_path) == []


def test_one_bad_file_leaves_the_others_in_the_list(tmp_path: Path) -> None:
    write_tiny_gguf(tmp_path / "good.gguf")
    (tmp_path / "bad.gguf").write_bytes(b"<html>")
    good = {info.name: info.problem is None for info in listed(tmp_path)}
    assert good == {"bad": False, "good:f32": True}


def test_a_fifo_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.gguf")
    assert "a pipe, not a file" in reason(only(tmp_path))


def test_a_device_is_refused(tmp_path: Path) -> None:
    (tmp_path / "zero.gguf").symlink_to("/dev/zero")
    assert "a device or socket" in reason(only(tmp_path))


def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s.gguf")
        assert "a device or socket" in reason(only(tmp_path))


def test_a_folder_named_like_a_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.gguf").mkdir()
    assert "a folder, not a file" in reason(only(tmp_path))


def test_a_folder_named_like_a_model_may_hold_one(tmp_path: Path) -> None:
    write_tiny_gguf(tmp_path / "x.gguf" / "tiny.gguf")
    assert only(tmp_path).name == "tiny:f32"


def test_a_dangling_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.gguf").symlink_to(tmp_path / "gone")
    assert "link leads to a file that is not there" in reason(only(tmp_path))


def test_a_ring_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").symlink_to(tmp_path / "b.gguf")
    (tmp_path / "b.gguf").symlink_to(tmp_path / "a.gguf")
    assert [bool(reason(info)) for info in listed(tmp_path)] == [True, True]


def test_folders_linked_in_a_ring_are_visited_once(tmp_path: Path) -> None:
    write_tiny_gguf(tmp_path / "models" / "sub" / "tiny.gguf")
    (tmp_path / "models" / "sub" / "up").symlink_to(tmp_path / "models")
    assert only(tmp_path / "models").name == "tiny:f32"


def test_a_link_out_of_the_folder_is_followed(tmp_path: Path) -> None:
    write_tiny_gguf(tmp_path / "elsewhere" / "tiny.gguf")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "mine.gguf").symlink_to(tmp_path / "elsewhere" / "tiny.gguf")
    assert only(tmp_path / "models").name == "mine:f32"


def test_a_file_with_two_names_is_one_model(tmp_path: Path) -> None:
    write_tiny_gguf(tmp_path / "a.gguf")
    (tmp_path / "b.gguf").symlink_to("a.gguf")
    (tmp_path / "c.gguf").hardlink_to(tmp_path / "a.gguf")
    assert only(tmp_path).name == "a:f32"


def test_a_name_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/caf\xe9.gguf"
    with open(path, "wb") as file:  # noqa: PTH123 (a name of bytes)
        file.write(tiny_gguf().bytes())
    info = only(tmp_path)
    assert "not valid UTF-8" in reason(info)
    assert info.path.isprintable()
    assert info.name == "caf:f32" or info.name.startswith("caf")


def test_a_name_with_control_characters_becomes_a_harmless_one(tmp_path: Path) -> None:
    write_tiny_gguf(tmp_path / "a\x1b[31m\nb.gguf")
    assert only(tmp_path).name == "a-31m-b:f32"


@pytest.fixture
def other_user() -> Iterator[None]:
    """Root may read everything, so as root the test runs as somebody else."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    yield
    os.seteuid(0)


def test_an_unreadable_file_is_refused(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    path = write_tiny_gguf(tmp_path / "x.gguf")
    path.chmod(0)
    for folder in (tmp_path, *tmp_path.parents[:3]):
        if folder.owner() == path.owner() and folder != Path("/tmp"):
            folder.chmod(0o755)
    request.getfixturevalue("other_user")
    assert "may not be read" in reason(only(tmp_path))


def test_a_file_that_was_only_reserved_is_refused(tmp_path: Path) -> None:
    whole = tiny_gguf()
    path = tmp_path / "x.gguf"
    tensors = [replace(whole.tensors[0], shape=(32, 1_000_000), data=b"")]
    with path.open("wb") as file:
        file.write(replace(whole, tensors=tensors).bytes())
        file.truncate(200_000_000)
    assert "never written" in reason(only(tmp_path))


def test_ten_thousand_files_are_listed(tmp_path: Path) -> None:
    content = tiny_gguf({"tokenizer.ggml.tokens": ["a"], "tokenizer.ggml.scores": None}).header()
    for number in range(10_000):
        (tmp_path / f"model-{number}.gguf").write_bytes(content[:600])
    infos = listed(tmp_path)
    assert len(infos) == 10_000
    assert len({info.name for info in infos}) == 10_000
    assert all("cut short" in reason(info) for info in infos)


def test_a_split_model_is_one_entry(tmp_path: Path) -> None:
    paths = write_split_gguf(tmp_path, "Tiny-1B")
    info = only(tmp_path)
    assert info.problem is None
    assert info.name == "tiny:1b-f32"
    assert info.path == str(paths[0])
    assert info.file_bytes == sum(path.stat().st_size for path in paths)
    whole = only(write_tiny_gguf(tmp_path / "whole" / "tiny.gguf").parent)
    assert info.parameters == whole.parameters


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        ([0], "Part 1 of 4 is missing"),
        ([2], "Part 3 of 4 is missing"),
        ([1, 3], "Parts 2, 4 of 4 are missing"),
    ],
)
def test_missing_parts_are_named(gone: list[int], message: str, tmp_path: Path) -> None:
    paths = write_split_gguf(tmp_path, "Tiny", count=4)
    for index in gone:
        paths[index].unlink()
    assert message in reason(only(tmp_path))


def test_a_part_that_is_there_twice_is_named(tmp_path: Path) -> None:
    paths = write_split_gguf(tmp_path, "Tiny")
    shutil.copy(paths[1], paths[2])
    assert reason(only(tmp_path)) == "Part 3 of 3 says that it is part 2 of 3."


def test_parts_linked_in_a_ring_are_refused(tmp_path: Path) -> None:
    paths = write_split_gguf(tmp_path, "Tiny")
    for path, target in ((paths[1], paths[2]), (paths[2], paths[1])):
        path.unlink()
        path.symlink_to(target)
    assert "Part 2 of 3" in reason(only(tmp_path))


def test_parts_in_exchanged_places_are_refused(tmp_path: Path) -> None:
    paths = write_split_gguf(tmp_path, "Tiny")
    paths[0].rename(tmp_path / "x")
    paths[1].rename(paths[0])
    (tmp_path / "x").rename(paths[1])
    assert "Part 1 of 3 says that it is part 2 of 3." in reason(only(tmp_path))


def test_a_damaged_part_is_named(tmp_path: Path) -> None:
    paths = write_split_gguf(tmp_path, "Tiny")
    paths[2].write_bytes(paths[2].read_bytes()[:-40])
    assert reason(only(tmp_path)).startswith("Part 3 of 3: The file is cut short")


def test_a_part_under_another_name_is_refused(tmp_path: Path) -> None:
    paths = write_split_gguf(tmp_path, "Tiny")
    paths[0].rename(tmp_path / "renamed.gguf")
    problems = {info.path.rpartition("/")[2]: reason(info) for info in listed(tmp_path)}
    assert "lost its place in the name" in problems["renamed.gguf"]


def test_absurd_counts_of_parts_are_refused(tmp_path: Path) -> None:
    write_tiny_gguf(tmp_path / "a-00001-of-99999.gguf")
    assert "99,993 more of 99,999 are missing" in reason(only(tmp_path))
    counts = {"split.count": Raw(2, struct.pack("<H", 65535))}
    write_tiny_gguf(tmp_path / "b" / "b.gguf", counts)
    assert "one part of 65,535" in reason(only(tmp_path / "b"))


def test_unchanged_files_are_not_read_again(tmp_path: Path) -> None:
    write_tiny_gguf(tmp_path / "a.gguf")
    (tmp_path / "bad.gguf").write_bytes(b"nonsense")

    def known(models: dict[str, Model]) -> dict[str, object]:
        return {file.path: file for model in models.values() for file in model.files}

    first = scan([tmp_path], {})
    files = {file.path: file for model in first.values() for file in model.files}
    again = scan([tmp_path], files)
    assert all(known(again)[path] is file for path, file in files.items())
    write_tiny_gguf(tmp_path / "a.gguf", {"llama.context_length": 512})
    third = scan([tmp_path], files)
    assert third["a:f32"].info.context_length == 512
