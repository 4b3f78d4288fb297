"""Plugins from the command line to the model and back: the real daemon, its plugin host, and the
real model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.examples import plugin_example
from hob.wire.chat import HobTool
from hob.wire.generate import ChatMessage
from live_daemon import LiveDaemon, eventually, starter_model

GREETER = '''
import click
from hob.plugins import hookimpl

@hookimpl
def register_commands():
    @click.command()
    @click.argument("who")
    def greet(who):
        """Greet somebody."""
        click.echo(f"Hello {who}.")

    return [greet]
'''


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDaemon]:
    """With a plugin that `hob plugins new` has written, the README's, and one with a command."""
    home = tmp_path_factory.mktemp("hob")
    live = LiveDaemon(
        home,
        models=[starter_model()],
        settings=["desktop.start=false"],
        environ={"OMP_WAIT_POLICY": "passive"},
    )
    assert live.run("plugins", "new", "gist").returncode == 0
    folder: Path = live.paths.plugins_dir
    (folder / "haiku.py").write_text(plugin_example())
    (folder / "greeter.py").write_text(GREETER)
    with live:
        yield live


def test_the_plugin_of_the_readme_runs_in_the_plugin_host(daemon: LiveDaemon) -> None:
    ran = daemon.run("action", "run", "haiku", "The first snow.")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip()
    assert "haiku  " in daemon.run("action", "list").stdout


def test_what_is_written_by_new_is_loaded_and_runs(daemon: LiveDaemon) -> None:
    shown = daemon.run("plugins", "show", "gist").stdout
    assert "state     on" in shown, shown
    assert "words = 20" in shown
    ran = daemon.run("action", "run", "gist", stdin="It snowed all night.")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip()


def test_a_setting_of_it_is_changed_while_it_runs(daemon: LiveDaemon) -> None:
    assert daemon.run("plugins", "set", "gist", "words", "7").stdout == "words = 7\n"
    assert "words = 7 (default 20)" in daemon.run("plugins", "show", "gist").stdout
    assert daemon.run("plugins", "set", "gist", "words", "many").returncode != 0
    assert daemon.run("plugins", "set", "gist", "words", "--default").stdout == "words = 20\n"


def test_a_plugin_that_is_turned_off_offers_nothing_until_it_is_on_again(
    daemon: LiveDaemon,
) -> None:
    assert daemon.run("plugins", "disable", "haiku").stdout == "haiku is off.\n"
    ran = daemon.run("action", "run", "haiku", "Snow.")
    assert ran.returncode == 2
    assert "There is no action 'haiku'" in ran.stderr
    assert "haiku is on" in daemon.run("plugins", "enable", "haiku").stdout
    assert "haiku" in [action.name for action in daemon.client().actions().actions]


def test_a_model_calls_a_tool_of_a_plugin_and_is_told_what_it_says(daemon: LiveDaemon) -> None:
    seen: list[HobTool] = []
    question = 'How many words has the text "one two three"? Count them.'
    with daemon.client().chat(
        [ChatMessage(role="user", content=question)],
        on_tool=seen.append,
        hob_tools=["gist_words"],
        tool_choice="required",
        parallel_tool_calls=False,
        max_tokens=120,
        temperature=0.0,
    ) as stream:
        answer = "".join(stream)
    called, *_ = seen
    assert called.name == "gist_words"
    told = seen[1]
    assert told.result is not None
    assert told.result.endswith(" words") or told.failed
    assert stream.finish_reason in ("stop", "length")
    assert answer.strip()


def test_a_command_of_a_plugin_is_one_of_hobs(daemon: LiveDaemon) -> None:
    eventually(daemon.paths.plugin_commands.exists)
    eventually(lambda: "Greet somebody." in daemon.run("--help").stdout)
    assert daemon.run("greet", "Ada").stdout == "Hello Ada.\n"


def test_a_model_that_is_kept_for_a_time_is_unloaded_after_it(daemon: LiveDaemon) -> None:
    ran = daemon.run("models", "keep", "--for", "300ms")
    assert ran.returncode == 0, ran.stderr
    eventually(lambda: not daemon.workers())
    assert daemon.run("ask", "Say yes.", "--max-tokens", "3").returncode == 0
    assert daemon.run("models", "keep").stdout.endswith("is warm and stays so.\n")
