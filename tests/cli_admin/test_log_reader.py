from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hob.cli import log_reader
from hob.cli.log_reader import Follower, at_least, last_entries, lines_backwards, read_entry
from hob.logs.entry import Entry
from hob.logs.file import RotatingFile


def line(msg: str, level: str = "info") -> bytes:
    return json.dumps({"level": level, "msg": msg}).encode() + b"\n"


def messages(entries: list[Entry]) -> list[object]:
    return [entry["msg"] for entry in entries]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hob.log"


@given(lines=st.lists(st.binary(min_size=1, max_size=40).filter(lambda b: b"\n" not in b)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_lines_come_backwards_whatever_their_length(
    path: Path, monkeypatch: pytest.MonkeyPatch, lines: list[bytes]
) -> None:
    monkeypatch.setattr(log_reader, "_BLOCK_BYTES", 7)
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    assert list(lines_backwards(path)) == lines[::-1]


def test_a_line_that_is_still_being_written_is_left_for_later(path: Path) -> None:
    path.write_bytes(b"one\ntwo\nthr")
    assert list(lines_backwards(path)) == [b"two", b"one"]
    path.write_bytes(b"thr")
    assert list(lines_backwards(path)) == []


def test_the_last_entries_are_found_across_rotated_files(path: Path) -> None:
    file = RotatingFile(path, max_bytes=80, files=4)
    for number in range(8):
        file.write(line(f"entry {number}"))
    file.close()
    assert messages(last_entries(path, 5, "debug")) == [f"entry {n}" for n in range(3, 8)]
    assert messages(last_entries(path, 1, "debug")) == ["entry 7"]
    assert messages(last_entries(path, 0, "debug")) == []


def test_rotated_files_are_read_by_number_and_not_by_name(path: Path) -> None:
    for number in range(1, 12):
        path.with_name(f"hob.log.{number}").write_bytes(line(f"file {number}"))
    path.with_name("hob.log.bak").write_bytes(line("somebody's copy"))
    assert messages(last_entries(path, 3, "debug")) == ["file 3", "file 2", "file 1"]


def test_entries_below_the_level_do_not_count(path: Path) -> None:
    path.write_bytes(line("bad", "error") + line("fine") * 20 + line("so-so", "warning"))
    assert messages(last_entries(path, 2, "warning")) == ["bad", "so-so"]


def test_a_line_that_is_no_entry_is_shown_as_it_is() -> None:
    assert read_entry(b"Segmentation fault\n")["msg"] == "Segmentation fault"
    assert read_entry(b"[1, 2]")["msg"] == "[1, 2]"
    assert read_entry(b"\xff{")["msg"] == "\ufffd{"
    assert at_least({"level": 7}, "error")


def test_following_gives_whole_lines_as_they_are_added(path: Path) -> None:
    path.write_bytes(b"old\n")
    follower = Follower(path)
    assert follower.poll() == []
    with path.open("ab") as file:
        file.write(b"one\ntw")
        file.flush()
        assert follower.poll() == [b"one"]
        file.write(b"o\n")
    assert follower.poll() == [b"two"]
    assert follower.poll() == []


def test_following_loses_nothing_when_the_log_rotates(path: Path) -> None:
    file = RotatingFile(path, max_bytes=20, files=5)
    file.write(b"before\n")
    follower = Follower(path)
    seen: list[bytes] = []
    for number in range(30):
        file.write(b"entry %d\n" % number)
        if number % 4 == 3:
            seen += follower.poll()
    file.close()
    seen += follower.poll()
    assert seen == [b"entry %d" % number for number in range(30)]


def test_following_starts_with_a_log_that_is_not_there_yet(path: Path) -> None:
    follower = Follower(path)
    assert follower.poll() == []
    path.write_bytes(b"one\n")
    assert follower.poll() == [b"one"]


def test_following_goes_on_when_the_log_is_emptied_or_removed(path: Path) -> None:
    path.write_bytes(b"a long first line\n")
    follower = Follower(path)
    path.write_bytes(b"one\n")
    assert follower.poll() == [b"one"]
    path.unlink()
    assert follower.poll() == []
    path.with_name("other").write_bytes(b"two\n")
    path.with_name("other").rename(path)
    assert follower.poll() == [b"two"]
