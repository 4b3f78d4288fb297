"""The doctor on the machine that the tests run on."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from fakes.fake_daemon import FakeDaemon
from hob.cli.exit_codes import ExitCode
from hob.paths import Paths

Cli = Callable[..., Any]


def test_it_finds_no_problem_here_although_no_daemon_runs(cli: Cli) -> None:
    ran = cli("doctor")
    assert ran.code == ExitCode.OK, ran.out
    assert f"llama-cpp-python {version('llama-cpp-python')} loads" in ran.out
    assert "not running" in ran.out
    assert ran.err == ""


def test_it_makes_nothing_by_looking(cli: Cli, paths: Paths) -> None:
    cli("doctor")
    assert not paths.config_file.parent.exists()


def test_its_report_is_json_for_programs_and_its_code_tells_of_a_problem(
    cli: Cli, paths: Paths
) -> None:
    paths.config_file.parent.mkdir(mode=0o700)
    paths.config_file.write_text("[engine]\nslots = 0\n")
    paths.config_file.chmod(0o600)
    ran = cli("doctor", "--json")
    report = json.loads(ran.out)
    assert (ran.code, report["ok"]) == (ExitCode.FAILED, False)
    (problem,) = [each for each in report["findings"] if each["level"] == "problem"]
    assert problem["check"] == "settings"
    assert "1 to 64" in problem["hint"]


def test_it_asks_the_daemon_when_one_runs(cli: Cli, daemon: FakeDaemon) -> None:
    out = cli("doctor").out
    assert "broken: The file broken.gguf ends inside its header." in out
    assert "Download it again." in out
