"""Whether a file is whole, on its way or given up, by the clock of the test."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fakes.tiny_gguf import tiny_gguf
from hob.errors import BadModelFile
from hob.models.folder.copying import Now, Progress, copying_error, has_writer
from hob.models.folder.files import Missing, ModelFile, Stamp, look
from hob.models.gguf.describe import Description

WROTE_AT = 1_000.0
WHOLE = tiny_gguf().bytes()


def file_of(size: int, *, total: int = 100, holes: bool = False, bad: bool = False) -> ModelFile:
    """A file of `total` bytes of which `size` are there, last written at WROTE_AT."""
    stamp = Stamp(size, int((WROTE_AT + size) * 1e9), 0, 7, 8)
    about = Description(problem=BadModelFile("It is bad.") if bad else None)
    missing = Missing(size, total) if size < total else None
    return ModelFile("/x.gguf", stamp, about, missing, holes)


def after(seconds: float) -> Now:
    """So long after the first byte."""
    return Now(unix=WROTE_AT + seconds, steady=50 + seconds)


class Someone:
    """Says whether the file is open for writing."""

    def __init__(self, writes: bool | None) -> None:
        self.writes = writes

    def __call__(self, path: str) -> bool | None:
        return self.writes


@pytest.mark.parametrize(("written", "patience_s"), [(None, 30), (False, 10)])
def test_a_short_file_is_on_its_way_until_nothing_came_for_a_while(
    written: bool | None, patience_s: float
) -> None:
    progress = Progress(patience_s=30, is_written=Someone(written))
    assert progress.judge(file_of(10), after(11)) == Missing(10, 100)
    assert progress.judge(file_of(10), after(9 + patience_s)) == Missing(10, 100)
    assert progress.judge(file_of(20), after(60)) == Missing(20, 100)
    assert progress.judge(file_of(20), after(59 + patience_s)) == Missing(20, 100)
    assert progress.unsettled
    assert progress.judge(file_of(20), after(61 + patience_s)) is None
    assert not progress.unsettled


def test_a_short_file_is_on_its_way_for_as_long_as_it_has_a_writer() -> None:
    someone = Someone(True)
    progress = Progress(is_written=someone)
    assert progress.judge(file_of(10), after(10_000))
    someone.writes = False
    assert progress.judge(file_of(10), after(10_001)) is None


def test_an_old_short_file_is_bad_at_once() -> None:
    assert Progress(is_written=Someone(False)).judge(file_of(10), after(100)) is None


def test_a_file_that_grew_is_whole_with_its_last_byte() -> None:
    progress = Progress(is_written=Someone(True))
    progress.judge(file_of(10), after(10))
    assert progress.judge(file_of(100), after(100)) is None


@pytest.mark.parametrize("holes", [False, True])
def test_a_file_that_was_there_at_once_waits_for_its_writer(holes: bool) -> None:
    someone = Someone(True)
    progress = Progress(is_written=someone)
    whole = file_of(100, holes=holes)
    assert progress.judge(whole, after(101)) == Missing(100, 100)
    someone.writes = False
    assert progress.judge(whole, after(102)) is None


def test_a_file_that_grew_with_holes_waits_for_its_writer() -> None:
    progress = Progress(is_written=Someone(True))
    progress.judge(file_of(10, holes=True), after(10))
    assert progress.judge(file_of(100, holes=True), after(100)) == Missing(100, 100)


def test_a_writer_who_does_nothing_is_not_waited_for_for_ever() -> None:
    progress = Progress(is_written=Someone(True))
    assert progress.judge(file_of(100), after(101)) is not None
    assert progress.judge(file_of(100), after(111)) is None


def test_where_nobody_can_tell_who_writes_a_moment_of_quiet_must_do() -> None:
    progress = Progress(is_written=Someone(None))
    assert progress.judge(file_of(100), after(100.5)) is not None
    assert progress.judge(file_of(100), after(101.5)) is None


def test_a_time_of_writing_in_the_future_is_now() -> None:
    progress = Progress(is_written=Someone(None))
    assert progress.judge(file_of(90), after(0)) is not None
    assert progress.judge(file_of(90), after(29)) is not None
    assert progress.judge(file_of(90), after(31)) is None


def test_a_glance_says_the_same_and_remembers_nothing() -> None:
    progress = Progress(is_written=Someone(False))
    assert progress.glance(file_of(10), after(11)) == Missing(10, 100)
    assert not progress.unsettled


def test_files_that_are_gone_are_forgotten() -> None:
    progress = Progress(is_written=Someone(False))
    progress.begin()
    progress.judge(file_of(10), after(10))
    progress.end()
    assert progress.unsettled
    progress.begin()
    progress.end()
    assert not progress.unsettled


def test_the_error_tells_how_far_it_is() -> None:
    error = copying_error(Missing(1_000, 4_000))
    assert "1,000 of 4,000 bytes" in error.message
    assert error.details == {"have_bytes": 1_000, "need_bytes": 4_000}
    assert "nothing is there yet" in copying_error(Missing(0, 0)).message


def test_a_writer_is_seen_and_a_reader_is_not(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with path.open("wb"):
        assert has_writer(str(path)) is True
    with path.open("rb"):
        assert has_writer(str(path)) is False
    assert has_writer(str(tmp_path / "none")) is None
    assert has_writer("/dev/zero") is False


@pytest.mark.parametrize("size", [0, 3, 4, 2_000, 100_000, len(WHOLE) - 1])
def test_a_part_of_a_file_says_how_much_of_it_is_there(tmp_path: Path, size: int) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(WHOLE[:size])
    found = look(str(path))
    assert found.missing == Missing(size, len(WHOLE) if size >= 100_000 else 0)
    assert found.about.problem is not None


def test_a_file_of_zeros_is_one_that_was_only_reserved(tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(bytes(10_000))
    assert look(str(path)).missing == Missing(10_000, 0)


def test_a_growing_file_is_not_read_again_until_it_may_be_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(WHOLE[:100_000])
    first = look(str(path))
    with path.open("ab") as file:
        file.write(WHOLE[100_000:120_000])
    second = look(str(path), first)
    assert second.missing == Missing(120_000, len(WHOLE))
    assert replace(second.about, problem=None) == replace(first.about, problem=None)
    path.write_bytes(WHOLE)
    assert look(str(path), second).missing is None


def test_no_model_is_no_part_of_one(tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(b"<html>")
    assert look(str(path)).missing is None
