"""`hob plugins`: listing, showing, setting, turning on and off."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from fakes.command_line import Cli
from fakes.fake_daemon import FakeDaemon
from hob.errors import ConfigError, PluginBroken, PluginNotFound, PluginsUnavailable
from hob.wire.base import ErrorInfo, ErrorReply
from hob.wire.plugins import (
    ActionInfo,
    ActionList,
    PluginInfo,
    PluginList,
    PluginSetting,
    ToolInfo,
    ToolList,
)

PLUGINS = "/hob/v1/plugins"

SETTINGS = (
    PluginSetting(name="language", kind="text", doc="The language.", default="", value="German"),
    PluginSetting(
        name="tone", kind="choice", doc="The tone.", default="a", value="a", choices=("a", "b")
    ),
    PluginSetting(name="fast", kind="switch", doc="Be fast.", default=False, value=True),
    PluginSetting(name="words", kind="texts", doc="Words.", default=[], value=["x", "y"]),
    PluginSetting(name="most", kind="whole", doc="The most.", default=3, value=3),
)
GOOD = PluginInfo(
    name="clipboard",
    title="The clipboard",
    version="1.2",
    source="built-in",
    path="/x/hob_clipboard",
    enabled=True,
    state="on",
    hooks=("register_actions", "register_settings"),
    actions=("summarize",),
    tools=("read_clipboard",),
    commands=("clip",),
    settings=SETTINGS,
)
BAD = PluginInfo(
    name="mine",
    source="folder",
    path="/x/mine.py",
    enabled=True,
    state="failed",
    problem=ErrorInfo.of(
        PluginBroken("The plugin mine cannot be loaded.", hint="Mend line 3 of it.")
    ),
)
OFF = PluginInfo(name="other", source="package", path="/x/other", state="off")


def listing(*plugins: PluginInfo, problem: ErrorInfo | None = None) -> PluginList:
    return PluginList(
        plugins=plugins, folder="/x/plugins", settings_file="/x/plugins.toml", problem=problem
    )


@pytest.fixture(autouse=True)
def plugins(daemon: FakeDaemon) -> FakeDaemon:
    daemon.reply("GET", PLUGINS, listing(GOOD, BAD, OFF))
    daemon.reply("POST", f"{PLUGINS}/show", GOOD)
    action = ActionInfo(
        name="summarize", plugin="clipboard", title="Summarize", help="Sums up.", hotkey="f9"
    )
    tool = ToolInfo(name="read_clipboard", plugin="clipboard", help="Reads it.", parameters="{}")
    others = ToolInfo(name="other", plugin="elsewhere", help="Not this one.", parameters="{}")
    daemon.reply("GET", "/hob/v1/actions", ActionList(actions=(action,)))
    daemon.reply("GET", "/hob/v1/tools", ToolList(tools=(tool, others)))
    return daemon


def sent(daemon: FakeDaemon, verb: str) -> Any:
    [asked] = daemon.requests_to(f"{PLUGINS}/{verb}")
    return asked.json


@pytest.mark.parametrize("command", [("plugins",), ("plugins", "list")])
def test_plugins_are_listed_and_what_is_wrong_comes_below(
    cli: Cli, command: tuple[str, ...]
) -> None:
    ran = cli(*command)
    assert ran.code == 0
    rows = ran.out.splitlines()
    first = ["clipboard", "on", "built-in", "1.2", "1", "1", "The", "clipboard"]
    assert rows[1].split() == first
    assert rows[3].split()[:3] == ["other", "off", "package"]
    assert "mine: The plugin mine cannot be loaded. Mend line 3 of it." in ran.out
    assert "/x/plugins" in ran.out


def test_what_runs_without_something_is_told_apart_and_what_many_have_is_said_once(
    cli: Cli, daemon: FakeDaemon
) -> None:
    wrong = ErrorInfo.of(ConfigError("The file is no TOML.", hint="Mend it."))
    plugins = [replace(GOOD, name=name, problem=wrong) for name in ("one", "two")]
    daemon.reply("GET", PLUGINS, listing(*plugins, BAD))
    broken, wanting = cli("plugins").out.split("\n\n")[1:3]
    assert broken.startswith("These plugins do not run:\n  mine: ")
    assert wanting == "These have something wrong:\n  one, two: The file is no TOML. Mend it."


def test_the_list_can_be_read_by_programs(cli: Cli) -> None:
    listed = json.loads(cli("plugins", "--json").out)
    assert [plugin["state"] for plugin in listed["plugins"]] == ["on", "failed", "off"]


def test_why_no_plugin_runs_is_said_first(cli: Cli, daemon: FakeDaemon) -> None:
    problem = ErrorInfo.of(PluginsUnavailable("Their process has failed.", hint="See `hob logs`."))
    daemon.reply("GET", PLUGINS, listing(problem=problem))
    out = cli("plugins").out
    assert out.startswith("No plugin runs: Their process has failed. See `hob logs`.")


def test_one_is_shown_with_all_that_it_adds_and_how_it_is_set(cli: Cli) -> None:
    out = cli("plugins", "show", "clipboard").out
    for expected in (
        "clipboard: The clipboard\n",
        "hooks     register_actions, register_settings",
        "path      /x/hob_clipboard",
        "commands  hob clip",
        "summarize [f9]  Sums up.",
        "read_clipboard  Reads it.",
        'language = "German" (default "")  text\n      The language.',
        'tone = "a"  a | b',
        "fast = true (default false)  switch",
        'words = ["x", "y"] (default [])',
        "most = 3  whole",
    ):
        assert expected in out
    assert "Not this one." not in out


def test_what_is_wrong_with_one_is_shown_with_what_to_do(cli: Cli, daemon: FakeDaemon) -> None:
    daemon.reply("POST", f"{PLUGINS}/show", BAD)
    out = cli("plugins", "show", "mine").out
    assert "problem   The plugin mine cannot be loaded. Mend line 3 of it." in out
    daemon.reply("POST", f"{PLUGINS}/show", OFF)
    assert "hob plugins enable other" in cli("plugins", "show", "other").out


@pytest.mark.parametrize("verb", ["enable", "disable", "reload"])
def test_a_plugin_is_turned_on_and_off_and_loaded_anew(
    cli: Cli, daemon: FakeDaemon, verb: str
) -> None:
    daemon.reply("POST", f"{PLUGINS}/{verb}", OFF if verb == "disable" else GOOD)
    ran = cli("plugins", verb, "clipboard")
    assert ran.code == 0
    assert sent(daemon, verb) == {"plugin": "clipboard"}
    on = "clipboard is on, with 1 action, 1 tool, 1 command.\n"
    assert ran.out == ("other is off.\n" if verb == "disable" else on)


def test_a_plugin_that_is_on_and_goes_without_something_is_on(cli: Cli, daemon: FakeDaemon) -> None:
    wrong = ErrorInfo.of(PluginBroken("Its hotkey is taken.", hint="Give it another."))
    daemon.reply("POST", f"{PLUGINS}/enable", replace(GOOD, problem=wrong))
    ran = cli("plugins", "enable", "clipboard")
    assert ran.code == 0
    assert ran.out == "clipboard is on, with 1 action, 1 tool, 1 command.\n"
    assert ran.err == "Its hotkey is taken. Give it another.\n"


def test_a_plugin_that_does_not_load_when_it_is_turned_on_is_a_failure(
    cli: Cli, daemon: FakeDaemon
) -> None:
    daemon.reply("POST", f"{PLUGINS}/enable", BAD)
    ran = cli("plugins", "enable", "mine")
    assert ran.code == 1
    assert "Mend line 3 of it." in ran.err


def test_a_name_that_is_none_is_told_by_the_daemon(cli: Cli, daemon: FakeDaemon) -> None:
    error = ErrorInfo.of(PluginNotFound("There is no plugin xyz.", hint="See them."))
    daemon.reply("POST", f"{PLUGINS}/enable", ErrorReply(error=error), status=404)
    ran = cli("plugins", "enable", "xyz")
    assert ran.code == 2
    assert "There is no plugin xyz. See them." in ran.err


@pytest.mark.parametrize("verb", ["enable", "disable", "reload", "show", "set"])
def test_a_slip_in_a_name_is_told_what_is_alike(cli: Cli, daemon: FakeDaemon, verb: str) -> None:
    error = ErrorInfo.of(PluginNotFound("There is no plugin clibpoard."))
    daemon.reply("POST", f"{PLUGINS}/{verb}", ErrorReply(error=error), status=404)
    more = ["language", "German"] if verb == "set" else []
    ran = cli("plugins", verb, "clibpoard", *more)
    assert ran.code == 2
    assert "Did you mean clipboard?" in ran.err


def test_a_setting_is_changed_and_shown(cli: Cli, daemon: FakeDaemon) -> None:
    daemon.reply("POST", f"{PLUGINS}/set", GOOD)
    ran = cli("plugins", "set", "clipboard", "language", "German")
    assert (ran.code, ran.out) == (0, 'language = "German"\n')
    wanted = {"plugin": "clipboard", "setting": "language", "value": "German"}
    assert sent(daemon, "set") == wanted


def test_a_setting_goes_back_to_its_default(cli: Cli, daemon: FakeDaemon) -> None:
    daemon.reply("POST", f"{PLUGINS}/set", GOOD)
    assert cli("plugins", "set", "clipboard", "language", "--default").code == 0
    assert sent(daemon, "set") == {"plugin": "clipboard", "setting": "language"}


@pytest.mark.parametrize("more", [(), ("German", "--default")])
def test_a_setting_without_a_value_or_with_two_is_refused(
    cli: Cli, daemon: FakeDaemon, more: tuple[str, ...]
) -> None:
    assert cli("plugins", "set", "clipboard", "language", *more).code == 2
    assert daemon.requests_to(f"{PLUGINS}/set") == []


def test_what_strangers_write_is_made_safe(cli: Cli, daemon: FakeDaemon) -> None:
    evil = "a\x1b[2J\x07\u202eb"
    daemon.reply("POST", f"{PLUGINS}/show", PluginInfo(name="x", title=evil, path=evil))
    out = cli("plugins", "show", "x").out
    assert not set("\x1b\x07\u202e") & set(out)
