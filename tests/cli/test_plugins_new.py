"""`hob plugins new`: what it writes loads, works and passes its own test."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pluggy
import pytest

from fakes.command_line import Cli
from hob.plugins import Action, Context, Run, hookspecs
from hob.plugins.testing import FakeContext, FakeRun, load_plugin, result_of

# Both are what plugins are given; mypy compares them.
CONTEXT: Context = FakeContext()
RUN: Run = FakeRun()


def run_pytest(folder: Path) -> subprocess.CompletedProcess[str]:
    """The tests of a folder, by a pytest that knows nothing of ours."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", ".", "."],
        cwd=folder,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_what_is_written_loads_and_its_action_asks_the_model(cli: Cli, home: Path) -> None:
    ran = cli("plugins", "new", "gist")
    assert ran.code == 0
    file = home / "plugins" / "gist.py"
    assert str(file) in ran.out
    assert "hob plugins show gist" in ran.out
    manager = pluggy.PluginManager("hob")
    manager.add_hookspecs(hookspecs)
    manager.register(load_plugin(file))
    manager.check_pending()
    [actions] = manager.hook.register_actions(context=FakeContext())
    [action] = actions
    assert isinstance(action, Action)
    assert (action.name, action.title, action.takes) == ("gist", "Gist", "clipboard")
    run = FakeRun(text="Once upon a time.", settings={"words": 20}, answers=["A fairy tale."])
    assert action.run
    assert result_of(action.run, run) == "A fairy tale."


def test_its_own_test_passes(cli: Cli, home: Path) -> None:
    cli("plugins", "new", "gist")
    ran = run_pytest(home / "plugins" / "tests")
    assert (ran.returncode, "2 passed" in ran.stdout) == (0, True), ran.stdout


def test_its_own_test_fails_when_the_plugin_is_broken(cli: Cli, home: Path) -> None:
    cli("plugins", "new", "gist")
    file = home / "plugins" / "gist.py"
    file.write_text(file.read_text().replace("at most {words} words", "briefly"))
    assert run_pytest(home / "plugins" / "tests").returncode == 1


def test_another_folder_may_be_named(cli: Cli, home: Path, tmp_path: Path) -> None:
    ran = cli("plugins", "new", "gist", "--to", str(tmp_path / "mine"))
    assert ran.code == 0
    assert (tmp_path / "mine" / "gist.py").exists()
    assert f"Copied into {home / 'plugins'}" in ran.out


def test_a_package_has_an_entry_point_and_passes_its_test(cli: Cli, tmp_path: Path) -> None:
    assert cli("plugins", "new", "my_gist", "--package", "--to", str(tmp_path)).code == 0
    root = tmp_path / "hob-my-gist"
    project = tomllib.loads((root / "pyproject.toml").read_text())
    assert project["project"]["name"] == "hob-my-gist"
    assert project["project"]["entry-points"]["hob"] == {"my_gist": "hob_my_gist"}
    ran = run_pytest(root)
    assert (ran.returncode, "2 passed" in ran.stdout) == (0, True), ran.stdout


@pytest.mark.parametrize("taken", ["gist.py", "tests/test_gist.py"])
def test_nothing_is_overwritten_and_nothing_half_written(cli: Cli, home: Path, taken: str) -> None:
    file = home / "plugins" / taken
    file.parent.mkdir(parents=True)
    file.write_text("mine")
    ran = cli("plugins", "new", "gist")
    assert ran.code == 2
    assert str(file) in ran.err
    assert list((home / "plugins").rglob("*.py")) == [file]
    assert file.read_text() == "mine"


def test_a_link_is_not_written_through(cli: Cli, home: Path, tmp_path: Path) -> None:
    (home / "plugins").mkdir(parents=True)
    (home / "plugins" / "gist.py").symlink_to(tmp_path / "elsewhere.py")
    assert cli("plugins", "new", "gist").code == 2
    assert not (tmp_path / "elsewhere.py").exists()


@pytest.mark.parametrize(
    "name", ["", "Gist", "1st", "a-b", "../evil", "class", "a.b", "ä", "a" * 41, "prompt", "a b"]
)
def test_what_cannot_be_a_name_is_refused(cli: Cli, home: Path, name: str) -> None:
    ran = cli("plugins", "new", name)
    assert ran.code == 2
    assert not (home / "plugins").exists()


def test_a_folder_that_cannot_be_written_is_told(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    ran = cli("plugins", "new", "gist", "--to", str(tmp_path / "file" / "sub"))
    assert ran.code == 2
    assert "cannot be written" in ran.err
