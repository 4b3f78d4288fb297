from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hob.cli.exit_codes import ExitCode
from hob.logs.entry import json_line
from hob.paths import Paths

Cli = Callable[..., Any]


@pytest.fixture
def log_file(paths: Paths) -> Path:
    paths.log_dir.mkdir(parents=True)
    return paths.log_file


def entry(msg: str, level: str = "info", **fields: object) -> bytes:
    base = {"ts": "2026-01-31T12:00:00.000Z", "level": level, "logger": "hob.pool", "msg": msg}
    return json_line({**base, **fields})


def test_entries_are_shown_for_people(cli: Cli, log_file: Path) -> None:
    log_file.write_bytes(entry("model is ready", model="smol", load_s=0.5))
    (line,) = cli("logs").out.splitlines()
    assert line.endswith("info    hob.pool: model is ready model=smol load_s=0.5")


def test_the_number_and_the_level_of_entries_can_be_chosen(cli: Cli, log_file: Path) -> None:
    log_file.write_bytes(
        b"".join(entry(f"number {n}", "error" if n % 2 else "info") for n in range(9))
    )
    shown = cli("logs", "-n", "2", "--level", "warning").out.splitlines()
    assert [line.rpartition(": ")[2] for line in shown] == ["number 5", "number 7"]


def test_json_is_given_one_entry_a_line(cli: Cli, log_file: Path) -> None:
    log_file.write_bytes(entry("one") + b"not json\n" + entry("caf\u00e9\x9b"))
    lines = cli("logs", "--json").out.splitlines()
    assert [json.loads(line)["msg"] for line in lines] == ["one", "not json", "caf\u00e9\x9b"]
    assert "\x9b" not in "".join(lines)


def test_nothing_in_the_log_can_act_on_the_terminal(cli: Cli, log_file: Path) -> None:
    log_file.write_bytes(
        entry("\x1b]0;title\x07 \x9b2J \u202e", field="\x1b[2J", exc="Traceback\n\x1b[31m")
        + b"\x1b[2J raw\n"
    )
    out = cli("logs").out
    assert "title" in out
    assert not set(out) & set("\x1b\x07\x9b\u202e")


def test_without_a_log_it_says_where_one_would_be(cli: Cli, paths: Paths) -> None:
    ran = cli("logs")
    assert (ran.code, ran.out) == (ExitCode.OK, "")
    assert str(paths.log_file) in ran.err


def test_a_level_without_entries_is_said_to_have_none(cli: Cli, log_file: Path) -> None:
    log_file.write_bytes(entry("one"))
    assert "no entries of level error" in cli("logs", "--level", "error").err


def test_a_log_that_cannot_be_read_is_an_error_with_its_path(cli: Cli, paths: Paths) -> None:
    paths.log_file.mkdir(parents=True)
    ran = cli("logs")
    assert ran.code == ExitCode.FAILED
    assert str(paths.log_file) in ran.err


def test_follow_shows_what_is_added_until_it_is_interrupted(paths: Paths, log_file: Path) -> None:
    log_file.write_bytes(entry("the past"))
    with subprocess.Popen(
        [sys.executable, "-m", "hob", "logs", "-f", "--level", "warning"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        try:
            assert process.stdout is not None
            with log_file.open("ab") as file:
                file.write(entry("first", "warning"))
                file.flush()
                # It is read whether it came before or after the command looked the first time.
                assert b"first" in process.stdout.readline()
                file.write(entry("too mild") + entry("second", "error"))
            assert b"second" in process.stdout.readline()
            process.send_signal(signal.SIGINT)
            rest, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0
    assert rest == b""
    assert b"Traceback" not in err
