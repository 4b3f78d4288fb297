"""The cache of what was read: never wrong, and never in the way."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.tiny_gguf import write_tiny_gguf
from hob.models.folder.files import ModelFile, look, stamp_of
from hob.models.folder.index import Index
from hob.models.folder.scan import Scanner


@pytest.fixture
def index(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "models.db"


def files(folder: Path) -> list[ModelFile]:
    write_tiny_gguf(folder / "good.gguf")
    (folder / "bad.gguf").write_bytes(b"<html>")
    return [look(str(folder / "good.gguf")), look(str(folder / "bad.gguf"))]


def kept(index: Path) -> list[ModelFile]:
    reader = Index(index)
    found = []
    for path, packed in reader.load().items():
        stamp = stamp_of(path)
        assert stamp
        if file := reader.unpack(path, packed, stamp):
            found.append(file)
    return sorted(found, key=lambda file: file.path, reverse=True)


def test_what_was_read_comes_back(tmp_path: Path, index: Path) -> None:
    good, bad = files(tmp_path)
    Index(index).save([good, bad], [])
    again, worse = kept(index)
    assert again == good
    assert bad.about.problem
    assert worse.about.problem
    assert str(worse.about.problem) == str(bad.about.problem)


def test_a_changed_file_is_not_taken_for_the_old_one(tmp_path: Path, index: Path) -> None:
    good, bad = files(tmp_path)
    Index(index).save([good, bad], [])
    write_tiny_gguf(tmp_path / "good.gguf", {"llama.context_length": 512})
    assert [Path(file.path).name for file in kept(index)] == ["bad.gguf"]


def test_what_is_gone_is_dropped(tmp_path: Path, index: Path) -> None:
    good, bad = files(tmp_path)
    Index(index).save([good, bad], [])
    Index(index).save([], [bad.path])
    assert kept(index) == [good]


def nothing(index: Path) -> None:
    index.unlink()


def garbage(index: Path) -> None:
    index.write_bytes(b"not a database" * 1_000)


def cut_short(index: Path) -> None:
    index.write_bytes(index.read_bytes()[:5_000])


def overwritten_inside(index: Path) -> None:
    data = bytearray(index.read_bytes())
    data[4_096:] = b"\xff" * (len(data) - 4_096)
    index.write_bytes(data)


def of_another_version(index: Path) -> None:
    with sqlite3.connect(index) as database:
        database.execute("PRAGMA user_version = 1")


def foreign(index: Path) -> None:
    index.unlink()
    with sqlite3.connect(index) as database:
        database.execute('CREATE TABLE "their""s" (a)')


def strange_records(index: Path) -> None:
    with sqlite3.connect(index) as database:
        database.execute("UPDATE files SET record = x'00'")


@pytest.mark.parametrize(
    "harm",
    [
        nothing,
        garbage,
        cut_short,
        overwritten_inside,
        of_another_version,
        foreign,
        strange_records,
    ],
)
def test_whatever_became_of_it_the_models_are_read_and_kept_again(
    tmp_path: Path, index: Path, harm: Callable[[Path], None]
) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    files(folder)
    first = Scanner(Index(index))
    wanted = first.scan([folder]).models
    first.save()
    harm(index)
    for _ in range(2):  # one that is found broken while it is used is begun anew the next time
        second = Scanner(Index(index))
        found = second.scan([folder]).models
        assert {name: model.info for name, model in found.items()} == {
            name: model.info for name, model in wanted.items()
        }
        second.save()
    assert len(kept(index)) == 2


def test_a_locked_one_is_left_alone(tmp_path: Path, index: Path) -> None:
    good, bad = files(tmp_path)
    Index(index).save([good], [])
    with sqlite3.connect(index, isolation_level=None) as database:
        database.execute("BEGIN EXCLUSIVE")
        Index(index).save([bad], [])
        assert Index(index).load() == {}
        database.execute("COMMIT")
    assert kept(index) == [good]


def test_where_none_can_be_the_models_are_still_read(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    files(folder)
    (tmp_path / "db").mkdir()
    for place in (tmp_path / "db", tmp_path / "models" / "good.gguf" / "x.db"):
        scanner = Scanner(Index(place))
        assert len(scanner.scan([folder]).models) == 2
        scanner.save()


def test_files_on_their_way_are_not_kept(tmp_path: Path, index: Path) -> None:
    folder = tmp_path / "models"
    path = write_tiny_gguf(folder / "a.gguf")
    path.write_bytes(path.read_bytes()[:-100])
    scanner = Scanner(Index(index))
    scanner.scan([folder])
    scanner.save()
    assert kept(index) == []
