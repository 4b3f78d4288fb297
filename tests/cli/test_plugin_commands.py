"""Commands that plugins add to `hob`."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import pytest

from fakes.command_line import Cli
from hob.cli.app import SECTIONS
from hob.paths import find_paths
from hob.wire.plugins import MAX_NAME_CHARS, CachedCommand, CommandCache

GREET = '''
import click
from hob.plugins import hookimpl

@hookimpl
def register_commands():
    @click.command()
    @click.argument("who")
    @click.option("--loud", is_flag=True, help="With an exclamation mark.")
    def greet(who, loud):
        """Greet somebody."""
        click.echo(f"Hello {who}" + ("!" if loud else "."))

    @click.command()
    def fail():
        raise ValueError("not today")

    @click.command()
    @click.pass_obj
    def where(app):
        click.echo(app.paths.config_file)

    return [greet, fail, where, "no command"]
'''


@pytest.fixture
def plugin(home: Path) -> Path:
    """A plugin of the folder with three commands, as the daemon has told of it."""
    path = home / "plugins" / "greeter.py"
    path.parent.mkdir(parents=True)
    path.write_text(GREET)
    tell(home, *(command(name, path) for name in ("greet", "fail", "where")))
    return path


def command(name: str, path: Path, help: str = "Greet somebody.") -> CachedCommand:
    return CachedCommand(name=name, plugin="greeter", help=help, source="folder", target=str(path))


def tell(home: Path, *commands: CachedCommand) -> None:
    """Write what the daemon writes."""
    file = find_paths({"HOB_HOME": str(home)}).plugin_commands
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(msgspec.json.encode(CommandCache(commands=commands)))


def test_a_command_of_a_plugin_runs_like_any_other(cli: Cli, plugin: Path) -> None:
    assert cli("greet", "Ada", "--loud").out == "Hello Ada!\n"
    assert cli("where").out.strip() == str(plugin.parent.parent / "config.toml")


def test_the_overview_names_it_without_loading_the_plugin(
    cli: Cli, plugin: Path, home: Path
) -> None:
    plugin.write_text("raise SystemExit('loaded')")
    tell(home, command("greet", plugin, help="Greet \x1b[2Jsomebody."))
    out = cli("--help").out
    assert "Commands of plugins:\n  greet" in out
    assert "\x1b" not in out


def test_its_own_help_comes_from_the_plugin(cli: Cli, plugin: Path) -> None:
    assert "With an exclamation mark." in cli("greet", "--help").out
    assert "With an exclamation mark." in cli("help", "greet").out


def test_wrong_usage_of_it_is_told_like_any_other(cli: Cli, plugin: Path) -> None:
    ran = cli("greet")
    assert ran.code == 2
    assert "Missing argument" in ran.err
    assert "hob greet --help" in ran.err


def test_what_goes_wrong_in_it_is_one_sentence_that_names_the_plugin(
    cli: Cli, plugin: Path
) -> None:
    ran = cli("fail")
    assert ran.code == 1
    assert "The plugin greeter failed for `hob fail` (ValueError: not today)." in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    "code", ["1 / 0", "import nowhere_to_be_found", "def (", "raise SystemExit(0)"]
)
def test_a_plugin_that_does_not_load_is_named(cli: Cli, plugin: Path, code: str) -> None:
    plugin.write_text(code)
    ran = cli("greet", "Ada")
    assert ran.code == 1
    assert ran.err.startswith("hob: The plugin greeter could not be loaded for `hob greet`")


@pytest.mark.parametrize(
    "code",
    [
        "from hob.plugins import hookimpl\n@hookimpl\ndef register_commands():\n    return []",
        "",
    ],
)
def test_a_command_that_is_gone_is_told(cli: Cli, plugin: Path, code: str) -> None:
    plugin.write_text(code)
    ran = cli("greet", "Ada")
    assert ran.code == 1
    assert "has no command greet any more" in ran.err


def test_no_plugin_replaces_a_command_of_hob(cli: Cli, plugin: Path, home: Path) -> None:
    own = [name for section in SECTIONS.values() for name in section]
    tell(home, *(command(name, plugin) for name in own))
    assert "Commands of plugins" not in cli("--help").out
    assert cli("version").out.startswith("hob ")


def test_a_name_may_be_as_long_as_the_daemon_lets_it(cli: Cli, plugin: Path, home: Path) -> None:
    tell(home, command("x" * MAX_NAME_CHARS, plugin))
    assert "x" * MAX_NAME_CHARS in cli("--help").out


@pytest.mark.parametrize("name", ["-h", "--version", "Greet", "a b", "", "x" * 65, "../x", "a\nb"])
def test_what_cannot_be_a_command_is_left_out(
    cli: Cli, plugin: Path, home: Path, name: str
) -> None:
    tell(home, command(name, plugin))
    assert "Commands of plugins" not in cli("--help").out


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"commands": 5}', b"\xff\xfe", b" " * (2**20 + 1)]
)
def test_a_file_that_is_not_the_daemons_adds_nothing(cli: Cli, home: Path, content: bytes) -> None:
    file = find_paths({"HOB_HOME": str(home)}).plugin_commands
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    ran = cli("--help")
    assert ran.code == 0
    assert "Commands of plugins" not in ran.out


def test_a_shell_completes_its_name_without_loading_the_plugin(
    cli: Cli, plugin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from click.shell_completion import BashComplete

    from hob.cli.app import hob

    plugin.write_text("raise SystemExit('loaded')")
    found = BashComplete(hob, {}, "hob", "_HOB_COMPLETE").get_completions([], "gr")
    assert [(item.value, item.help) for item in found] == [("greet", "Greet somebody.")]


def test_a_plugin_of_a_package_is_imported_by_its_name(
    cli: Cli, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "packaged_greeter.py").write_text(GREET)
    monkeypatch.syspath_prepend(str(tmp_path))
    tell(
        home,
        CachedCommand(
            name="greet", plugin="g", help="", source="package", target="packaged_greeter"
        ),
    )
    assert cli("greet", "Ada").out == "Hello Ada.\n"
    sys.modules.pop("packaged_greeter")
