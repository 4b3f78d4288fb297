from __future__ import annotations

import errno
import io
import json
import logging
import os
import queue
import stat
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hob.logs import setup as logs
from hob.logs.entry import entry_of, json_line, plain_line
from hob.logs.file import RotatingFile
from hob.logs.setup import setup_logging

log = logging.getLogger("hob.test")

Finish = Callable[[], list[dict[str, Any]]]
Start = Callable[..., Finish]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts logging; what it returns ends it and gives the entries of the current file."""
    closers: list[Callable[[], None]] = []
    log_file = tmp_path / "logs" / "hob.log"

    def begin(
        level: str = "info",
        max_bytes: int = 2**20,
        files: int = 3,
        to_stderr: bool = False,
        prompts: bool = False,
    ) -> Finish:
        close = setup_logging(
            log_file, level, max_bytes, files, to_stderr=to_stderr, prompts=prompts
        )
        closers.append(close)

        def finish() -> list[dict[str, Any]]:
            closers.remove(close)
            close()
            return [json.loads(line) for line in log_file.read_bytes().splitlines()]

        return finish

    yield begin
    for close in closers:
        close()


def test_an_entry_is_one_line_of_json_with_its_extra_fields(start: Start) -> None:
    finish = start()
    before = datetime.now(UTC)
    log.info("model %s is ready", "smol", extra={"model": "smol", "load_s": 0.5})
    (entry,) = finish()
    assert entry["ts"].endswith("Z")
    assert abs((datetime.fromisoformat(entry.pop("ts")) - before).total_seconds()) < 60
    assert entry == {
        "level": "info",
        "logger": "hob.test",
        "msg": "model smol is ready",
        "model": "smol",
        "load_s": 0.5,
    }


def test_a_traceback_stays_on_the_line_of_its_entry(start: Start) -> None:
    finish = start()
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        log.exception("it failed")
    (entry,) = finish()
    assert entry["msg"] == "it failed"
    assert entry["exc"].endswith("ValueError: first\nsecond")


def test_prompts_and_answers_are_left_out(start: Start, tmp_path: Path) -> None:
    finish = start(level="debug")
    log.info("answered", extra={"prompt": "my secret", "completion": "your secret", "tokens": 3})
    (entry,) = finish()
    assert entry["tokens"] == 3
    assert "secret" not in (tmp_path / "logs" / "hob.log").read_text()


def test_prompts_and_answers_are_logged_when_the_user_asks_for_them(start: Start) -> None:
    finish = start(prompts=True)
    log.info("answered", extra={"prompt": "my secret", "completion": "your secret"})
    (entry,) = finish()
    assert (entry["prompt"], entry["completion"]) == ("my secret", "your secret")


def test_leaving_out_a_prompt_does_not_change_the_record_of_others(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    finish = start()
    log.info("answered", extra={"prompt": "my secret"})
    finish()
    assert caplog.records[0].prompt == "my secret"  # type: ignore[attr-defined]


def test_the_level_holds_for_hob_and_libraries_are_heard_from_warning_on(start: Start) -> None:
    finish = start(level="debug")
    log.debug("ours")
    logging.getLogger("aiohttp").info("theirs, chatting")
    logging.getLogger("aiohttp").warning("theirs, worried")
    assert [entry["msg"] for entry in finish()] == ["ours", "theirs, worried"]


def test_what_is_below_the_level_is_not_logged(start: Start) -> None:
    finish = start(level="error")
    log.warning("a warning")
    logging.getLogger("aiohttp").warning("a warning")
    log.error("an error")
    assert [entry["msg"] for entry in finish()] == ["an error"]


def test_after_the_end_nothing_more_is_written_and_levels_are_as_before(start: Start) -> None:
    before = logging.getLogger("hob").level, logging.getLogger().level
    finish = start(level="debug")
    log.error("in time")
    assert len(finish()) == 1
    log.error("too late")
    assert (logging.getLogger("hob").level, logging.getLogger().level) == before


def test_a_wrong_format_string_still_says_what_it_was_about() -> None:
    waiting: logs.Records = queue.SimpleQueue()
    record = logging.makeLogRecord({"msg": "%d tokens", "args": ("many",)})
    logs._Door(waiting, prompts=False).handle(record)
    queued = waiting.get()
    assert queued is not None
    assert "%d tokens ('many',)" in entry_of(queued)["msg"]  # type: ignore[operator]


@pytest.mark.parametrize(
    "value", [{1: 2}, {(1,): 2}, float("nan"), object(), {"set"}, b"\xff", "caf\udce9", [[[]]]]
)
def test_any_extra_field_becomes_valid_json(start: Start, value: object) -> None:
    finish = start()
    cycle: list[object] = [value]
    cycle.append(cycle)
    log.info("one", extra={"field": value})
    log.info("two", extra={"field": cycle})
    assert [entry["msg"] for entry in finish()] == ["one", "two"]


@given(st.text(), st.dictionaries(st.text(), st.text() | st.floats() | st.binary()))
def test_every_entry_is_one_line_that_can_be_read_back(msg: str, fields: dict[str, Any]) -> None:
    line = json_line({"msg": msg, **fields})
    assert line.count(b"\n") == 1
    assert isinstance(json.loads(line), dict)


def test_a_runaway_message_is_cut(start: Start) -> None:
    finish = start()
    log.info("x" * 10_000_000, extra={"field": "y" * 10_000_000})
    (entry,) = finish()
    assert len(entry["msg"]) < 20_000
    assert "10000000 characters" in entry["msg"]
    assert len(entry["field"]) < 20_000


def test_files_rotate_and_the_oldest_go(start: Start, tmp_path: Path) -> None:
    finish = start(max_bytes=500, files=3)
    for number in range(100):
        log.info("entry %d", number)
    finish()
    folder = tmp_path / "logs"
    assert sorted(path.name for path in folder.iterdir()) == ["hob.log", "hob.log.1", "hob.log.2"]
    assert all(path.stat().st_size <= 500 for path in folder.iterdir())
    text = "".join((folder / f"hob.log{end}").read_text() for end in (".2", ".1", ""))
    numbers = [int(json.loads(line)["msg"].split()[1]) for line in text.splitlines()]
    assert numbers == list(range(numbers[0], 100))


def test_fewer_files_than_before_removes_the_surplus(tmp_path: Path) -> None:
    path = tmp_path / "hob.log"
    for count in (5, 2, 1):
        file = RotatingFile(path, max_bytes=10, files=count)
        for _ in range(8):
            file.write(b"12345678\n")
        file.close()
        assert len(list(tmp_path.iterdir())) == count


def test_only_the_user_can_read_the_log(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir(mode=0o700)
    (folder / "hob.log").touch(mode=0o644)
    finish = start(max_bytes=300)
    before = os.umask(0)
    try:
        for number in range(20):
            log.info("entry %d", number)
        finish()
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_the_folder_of_the_log_is_the_users_alone(start: Start, tmp_path: Path) -> None:
    finish = start()
    log.info("hello")
    finish()
    assert stat.S_IMODE((tmp_path / "logs").stat().st_mode) == 0o700


def test_a_log_that_is_moved_away_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "hob.log"
    file = RotatingFile(path, max_bytes=1000, files=2)
    file.write(b"one\n")
    path.rename(tmp_path / "kept.log")
    file.write(b"two\n")
    path.unlink()
    path.parent.rmdir()
    file.write(b"three\n")
    file.close()
    assert (tmp_path / "kept.log").read_bytes() == b"one\n"
    assert path.read_bytes() == b"three\n"


class FullDisk:
    """Stands for os.write on a disk that has room for `room` more bytes."""

    def __init__(self) -> None:
        self.room: int | None = None
        self._write = os.write

    def __call__(self, fd: int, data: bytes | memoryview) -> int:
        if self.room is None:
            return self._write(fd, data)
        if self.room == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = self._write(fd, data[: self.room])
        self.room -= written
        return written


def test_a_full_disk_costs_entries_and_says_how_many_once_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    disk = FullDisk()
    monkeypatch.setattr("hob.logs.file.os.write", disk)
    path = tmp_path / "hob.log"
    handler = logs._FileHandler(RotatingFile(path, max_bytes=10_000, files=2))

    def emit(msg: str) -> None:
        handler.emit(logging.makeLogRecord({"msg": msg, "levelname": "INFO"}))

    emit("before")
    disk.room = 10
    emit("torn in the middle")
    emit("lost")
    disk.room = None
    emit("after")
    handler.close()

    first, torn, lost, after = path.read_text().splitlines()
    assert json.loads(first)["msg"] == "before"
    assert len(torn) == 10
    assert json.loads(lost)["msg"] == "2 log entries were lost: No space left on device"
    assert json.loads(after)["msg"] == "after"
    assert capsys.readouterr().err.count("No space left on device") == 1


def test_a_folder_that_cannot_be_made_is_reported_once_and_raises_nothing(
    start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "logs").write_text("in the way")
    close = setup_logging(tmp_path / "logs" / "hob.log", "info", 1000, 2, to_stderr=False)
    log.info("one")
    log.info("two")
    close()
    assert capsys.readouterr().err.count("cannot be written") == 1


def test_when_the_disk_hangs_entries_are_dropped_and_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logs, "_MOST_WAITING", 2)
    waiting: logs.Records = queue.SimpleQueue()
    door = logs._Door(waiting, prompts=False)

    def say(msg: str) -> None:
        door.handle(logging.makeLogRecord({"msg": msg}))

    for number in range(5):
        say(f"entry {number}")
    while waiting.qsize():
        waiting.get()
    say("after")

    records = [waiting.get() for _ in range(waiting.qsize())]
    assert [record.msg for record in records if record] == [
        "3 log entries were lost: the disk was too slow",
        "after",
    ]


def test_stderr_gets_a_line_for_people_without_control_characters(
    start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    finish = start(to_stderr=True)
    log.warning(
        "\x1b[2Jgone\nforged entry", extra={"model": "my model", "why": "", "ms": None, "at": "x"}
    )
    finish()
    err = capsys.readouterr().err
    assert "warning hob.test: \\x1b[2Jgone\n    forged entry" in err
    assert 'model="my model" why="" ms=null at=x' in err
    assert "\x1b" not in err


def test_a_stderr_that_nobody_reads_does_no_harm(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    finish = start(to_stderr=True)
    log.info("hello")
    assert [entry["msg"] for entry in finish()] == ["hello"]


def test_a_line_shows_what_a_damaged_entry_still_holds() -> None:
    assert plain_line({"ts": "soon", "msg": 3}) == "soon ?       ?: 3"


def test_an_entry_keeps_its_own_names_over_extra_fields_of_the_same_name() -> None:
    record = logging.makeLogRecord({"msg": "true", "levelname": "INFO", "level": "fake", "ts": 0})
    assert entry_of(record)["level"] == "info"
    assert entry_of(record)["ts"] != 0
