from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fakes.fake_daemon import FakeDaemon
from hob.cli.exit_codes import ExitCode
from hob.config.values import settings
from hob.paths import Paths

Cli = Callable[..., Any]


def test_it_shows_every_setting_with_its_value_and_where_it_came_from(
    cli: Cli, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli("config", "set", "engine.slots", "8")
    monkeypatch.setenv("HOB_ENGINE_THREADS", "3")
    ran = cli("config")
    rows = {row.split()[0]: row.split()[1:] for row in ran.out.splitlines() if "." in row}
    assert set(settings()) <= set(rows)
    assert rows["engine.slots"][0] == "8"
    assert rows["engine.slots"][1].startswith("config.toml:")
    assert rows["engine.threads"] == ["3", "HOB_ENGINE_THREADS"]
    assert rows["models.idle_unload"] == ["30min", "default"]
    assert str(paths.config_file) in ran.out


def test_it_shows_the_settings_as_json(cli: Cli) -> None:
    found = json.loads(cli("config", "--json").out)
    assert found["engine.slots"] == {"value": 4, "source": "default"}
    assert found["api.tcp"] == {"value": False, "source": "default"}
    assert found["daemon.drain_grace"] == {"value": "10s", "source": "default"}
    assert found["api.allowed_hosts"] == {"value": [], "source": "default"}
    assert set(found) == set(settings())


def test_get_prints_the_value_alone(cli: Cli) -> None:
    assert cli("config", "get", "engine.kv_type").out == "f16\n"


def test_get_of_an_unknown_key_is_refused_with_a_guess(cli: Cli) -> None:
    ran = cli("config", "get", "engine.slot")
    assert ran.code == ExitCode.REFUSED
    assert "engine.slots" in ran.err


def test_path_prints_where_the_file_would_be(cli: Cli, paths: Paths) -> None:
    assert cli("config", "path").out == f"{paths.config_file}\n"
    assert not paths.config_file.exists()


def test_set_says_that_a_restart_applies_it_when_the_daemon_runs(
    cli: Cli, daemon: FakeDaemon
) -> None:
    ran = cli("config", "set", "engine.slots", "8")
    assert ran.code == ExitCode.OK
    assert "engine.slots is now 8" in ran.out
    assert "hob restart" in ran.out


def test_set_says_nothing_of_a_restart_when_no_daemon_runs(cli: Cli) -> None:
    assert "restart" not in cli("config", "set", "engine.slots", "8").out


def test_set_says_nothing_of_a_restart_for_what_concerns_the_command_line(
    cli: Cli, daemon: FakeDaemon
) -> None:
    assert "restart" not in cli("config", "set", "cli.autostart", "false").out


def test_set_says_when_the_environment_still_overrides_it(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOB_ENGINE_SLOTS", "3")
    assert "HOB_ENGINE_SLOTS" in cli("config", "set", "engine.slots", "8").err
    assert cli("config", "get", "engine.slots").out == "3\n"


def test_set_of_a_wrong_value_says_what_is_allowed(cli: Cli, paths: Paths) -> None:
    ran = cli("config", "set", "api.port", "70000")
    assert ran.code == ExitCode.REFUSED
    assert "1 to 65535" in ran.err
    assert not paths.config_file.exists()


def test_set_accepts_a_value_that_looks_like_an_option_after_two_dashes(cli: Cli) -> None:
    ran = cli("config", "set", "--", "engine.slots", "-1")
    assert "out of range" in ran.err


def test_unset_brings_the_default_back(cli: Cli) -> None:
    cli("config", "set", "engine.slots", "8")
    assert "removed" in cli("config", "unset", "engine.slots").out
    assert cli("config", "get", "engine.slots").out == "4\n"
    assert "nothing to do" in cli("config", "unset", "engine.slots").out


def test_check_points_at_the_line_that_is_wrong(cli: Cli, paths: Paths) -> None:
    assert cli("config", "check").code == ExitCode.OK
    cli("config", "set", "engine.slots", "8")
    paths.config_file.write_text("[engine]\nslots = 'many'\n")
    ran = cli("config", "check")
    assert ran.code == ExitCode.REFUSED
    assert f"{paths.config_file}, line 2" in ran.err


def test_a_mistake_that_remains_is_told_after_a_change(cli: Cli, paths: Paths) -> None:
    cli("config", "set", "engine.slots", "8")
    paths.config_file.write_text("[engine]\nslots = 8\nthread = 1\n")
    ran = cli("config", "set", "engine.slots", "9")
    assert ran.code == ExitCode.OK
    assert "engine.threads" in ran.err


def editor(folder: Path, program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make $EDITOR a program that gets the file's path as `path` and its text as `text`."""
    script = folder / "editor.py"
    script.write_text(
        "import pathlib, sys\npath = pathlib.Path(sys.argv[1])\ntext = path.read_text()\n" + program
    )
    monkeypatch.setenv("EDITOR", f"{sys.executable} {script}")
    monkeypatch.delenv("VISUAL", raising=False)


def test_edit_opens_the_documented_file_and_keeps_what_was_saved(
    cli: Cli, paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor(tmp_path, "path.write_text(text.replace('# slots = 4', 'slots = 9'))\n", monkeypatch)
    ran = cli("config", "edit")
    assert ran.code == ExitCode.OK, ran.err
    assert "\nslots = 9\n" in paths.config_file.read_text()


def test_edit_mends_a_file_that_is_not_toml(
    cli: Cli, paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli("config", "set", "engine.slots", "8")
    paths.config_file.write_text("[engine\nslots = 9\n")
    editor(tmp_path, "path.write_text(text.replace('[engine', '[engine]'))\n", monkeypatch)
    assert cli("config", "edit").code == ExitCode.OK
    assert paths.config_file.read_text() == "[engine]\nslots = 9\n"


def test_an_edit_that_is_wrong_never_reaches_the_file(
    cli: Cli, paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli("config", "set", "engine.slots", "8")
    before = paths.config_file.read_text()
    editor(tmp_path, "path.write_text('[engine]\\nslots = 0\\n')\n", monkeypatch)
    monkeypatch.setattr("click.confirm", lambda *args, **kwargs: False)
    ran = cli("config", "edit")
    assert ran.code == ExitCode.REFUSED
    assert "1 to 64" in ran.err
    assert paths.config_file.read_text() == before


def test_an_edit_that_changes_nothing_says_so(
    cli: Cli, paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor(tmp_path, "", monkeypatch)
    assert "Nothing is changed" in cli("config", "edit").out
    assert not paths.config_file.exists()
