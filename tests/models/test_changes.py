"""Which changes are told, of what the folders held before and hold now."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.tiny_gguf import tiny_gguf, write_split_gguf, write_tiny_gguf
from hob.models.changes import Change, compare
from hob.models.folder.copying import Progress
from hob.models.folder.scan import Scanner

WHOLE = tiny_gguf().bytes()


def other(path: Path) -> Path:
    return write_tiny_gguf(path, {"llama.context_length": 512})


def rename(folder: Path) -> None:
    (folder / "a.gguf").rename(folder / "z.gguf")


def move(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "a.gguf").rename(folder / "sub" / "a.gguf")


def move_over_disks(folder: Path) -> None:
    (folder / "z.gguf").write_bytes((folder / "a.gguf").read_bytes())
    (folder / "a.gguf").unlink()


def copy(folder: Path) -> None:
    shutil.copy(folder / "a.gguf", folder / "z.gguf")


def delete(folder: Path) -> None:
    (folder / "a.gguf").unlink()


def replace(folder: Path) -> None:
    other(folder / "new").replace(folder / "a.gguf")


def write_over(folder: Path) -> None:
    other(folder / "a.gguf")


def write_over_with_another(folder: Path) -> None:
    write_tiny_gguf(folder / "a.gguf", {"general.file_type": 1})


def truncate(folder: Path) -> None:
    os.truncate(folder / "a.gguf", 60_000)


def touch(folder: Path) -> None:
    os.utime(folder / "a.gguf", (1, 1))


def other_permissions(folder: Path) -> None:
    (folder / "a.gguf").chmod(0o644 if (folder / "a.gguf").stat().st_mode & 0o077 == 0 else 0o600)


def hard_link(folder: Path) -> None:
    (folder / "z.gguf").hardlink_to(folder / "a.gguf")


def exchange(folder: Path) -> None:
    (folder / "a.gguf").rename(folder / "x")
    (folder / "b.gguf").rename(folder / "a.gguf")
    (folder / "x").rename(folder / "b.gguf")


def rename_and_replace(folder: Path) -> None:
    (folder / "a.gguf").rename(folder / "z.gguf")
    write_tiny_gguf(folder / "a.gguf", {"llama.context_length": 64})


def begin_a_copy(folder: Path) -> None:
    (folder / "z.gguf").write_bytes(WHOLE[:120_000])


@pytest.mark.parametrize(
    ("do", "told"),
    [
        (rename, [Change("renamed", "a:f32", "z:f32")]),
        (move, [Change("renamed", "a:f32", "a:f32")]),
        (move_over_disks, [Change("renamed", "a:f32", "z:f32")]),
        (copy, [Change("added", new="z:f32")]),
        (delete, [Change("removed", old="a:f32")]),
        (replace, [Change("changed", "a:f32", "a:f32")]),
        (write_over, [Change("changed", "a:f32", "a:f32", in_place=True)]),
        (
            write_over_with_another,
            [
                Change("changed", old="a:f32", in_place=True),
                Change("removed", old="a:f32"),
                Change("added", new="a:f16"),
            ],
        ),
        (truncate, [Change("changed", "a:f32", "a:f32", in_place=True)]),
        (touch, [Change("changed", "a:f32", "a:f32", in_place=True)]),
        (other_permissions, []),
        (hard_link, []),
        (
            exchange,
            [Change("changed", "a:f32", "a:f32"), Change("changed", "b:f32", "b:f32")],
        ),
        (
            rename_and_replace,
            [Change("changed", "a:f32", "a:f32"), Change("added", new="z:f32")],
        ),
        (begin_a_copy, [Change("copying", new="z:f32")]),
    ],
)
def test_what_somebody_does_is_told_as_what_it_is(
    tmp_path: Path, do: Callable[[Path], None], told: list[Change]
) -> None:
    write_tiny_gguf(tmp_path / "a.gguf")
    other(tmp_path / "b.gguf")
    scanner = Scanner(progress=Progress())
    before = scanner.scan([tmp_path]).models
    assert compare(before, scanner.scan([tmp_path]).models) == []
    do(tmp_path)
    after = scanner.scan([tmp_path]).models
    assert compare(before, after) == told
    assert compare(after, scanner.scan([tmp_path]).models) == []


def test_a_copy_becomes_bigger_whole_and_what_was_moved(tmp_path: Path) -> None:
    write_tiny_gguf(tmp_path / "a.gguf")
    scanner = Scanner(progress=Progress())
    (tmp_path / "z.gguf").write_bytes(WHOLE[:120_000])
    first = scanner.scan([tmp_path]).models
    with (tmp_path / "z.gguf").open("ab") as file:
        file.write(WHOLE[120_000:150_000])
    second = scanner.scan([tmp_path]).models
    assert compare(first, second) == [Change("copying", "z:f32", "z:f32")]
    with (tmp_path / "z.gguf").open("ab") as file:
        file.write(WHOLE[150_000:])
    (tmp_path / "a.gguf").unlink()
    third = scanner.scan([tmp_path]).models
    assert compare(second, third) == [Change("renamed", "a:f32", "z:f32")]


def test_a_part_that_is_missing_and_comes_back_changes_the_model(tmp_path: Path) -> None:
    parts = write_split_gguf(tmp_path, "Tiny")
    for part in parts:
        os.utime(part, (1, 1))
    scanner = Scanner(progress=Progress(patience_s=0))
    whole = scanner.scan([tmp_path]).models
    parts[1].rename(tmp_path / "away")
    short = scanner.scan([tmp_path]).models
    assert [change.what for change in compare(whole, short)] == ["changed"]
    (tmp_path / "away").rename(parts[1])
    again = scanner.scan([tmp_path]).models
    assert [change.what for change in compare(short, again)] == ["changed"]
