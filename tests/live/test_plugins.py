"""Plugins end to end: the real daemon, the real process of the plugins, files in their folder."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil
import pytest

from hob.client import Client
from hob.client.stream import FactStream
from hob.errors import ActionNotFound, HobError, PluginBroken, PluginsUnavailable
from hob.wire.events import PluginFailed
from hob.wire.plugins import (
    ActionFinished,
    ActionProgress,
    ActionRequest,
    ActionStarted,
    ActionText,
    CommandCache,
)
from live_daemon import LiveDaemon, eventually, starter_model

SHOUT = '''
"""Shouts."""
from collections.abc import Iterator
from hob.plugins import Action, Run, hookimpl

def shout(run: Run) -> Iterator[str]:
    run.progress(0.5, "half")
    for word in run.text.split():
        yield word.upper() + " "

@hookimpl
def register_actions() -> list[Action]:
    return [Action("shout", "Shout", shout)]
'''
# Calls C without giving up the interpreter's lock, so that nothing else in the process runs.
HOG = """
import ctypes
from hob.plugins import Action, Run, hookimpl

def hog(run: Run) -> str:
    ctypes.PyDLL(None).sleep(3600)
    return ""

@hookimpl
def register_actions() -> list[Action]:
    return [Action("hog", "Hog", hog)]
"""
QUIT = """
import os
from hob.plugins import Action, Run, hookimpl

def quit(run: Run) -> str:
    os._exit(5)

@hookimpl
def register_actions() -> list[Action]:
    return [Action("quit", "Quit", quit)]
"""
WAIT = """
import threading
from hob.plugins import Action, Run, hookimpl

def wait(run: Run):
    yield "waiting"
    threading.Event().wait()

@hookimpl
def register_actions() -> list[Action]:
    return [Action("wait", "Wait", wait)]
"""
POLITE = """
import click
from hob.plugins import Action, Run, hookimpl

@hookimpl
def rewrite_request(request):
    messages = [{"role": "system", "content": "You are very polite."}, *request["messages"]]
    return request | {"messages": messages}

@hookimpl
def warm_prompts():
    return ["You are very polite."]

def ask(run: Run):
    yield from run.ask("Say hello.", max_tokens=4)

@hookimpl
def register_actions():
    return [Action("ask-politely", "Ask", ask)]

@hookimpl
def register_commands():
    return [click.Command("greet", help="Greets you.")]
"""


def put(daemon: LiveDaemon, name: str, code: str) -> Path:
    daemon.paths.plugins_dir.mkdir(parents=True, exist_ok=True)
    path = daemon.paths.plugins_dir / f"{name}.py"
    path.write_text(code)
    return path


def host_of(daemon: LiveDaemon) -> psutil.Process:
    """The process that runs the plugins."""
    children = psutil.Process(daemon.process.pid).children()
    (host,) = [child for child in children if "hob.plugins.host" in " ".join(child.cmdline())]
    return host


def has_action(client: Client, name: str) -> bool:
    return any(action.name == name for action in client.actions().actions)


def text_of(client: Client, action: str, text: str | None = None) -> str:
    with client.run_action(ActionRequest(action=action, text=text)) as events:
        return "".join(event.text for event in events if isinstance(event, ActionText))


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDaemon]:
    with LiveDaemon(tmp_path_factory.mktemp("hob"), settings=["desktop.start=false"]) as running:
        yield running


@pytest.mark.live
def test_a_file_put_into_the_folder_is_an_action_until_it_goes(daemon: LiveDaemon) -> None:
    client = daemon.client()
    path = put(daemon, "shouter", SHOUT)
    eventually(lambda: has_action(client, "shout"))
    with client.run_action(ActionRequest(action="shout", text="hello there")) as stream:
        events = list(stream)
    assert isinstance(events[0], ActionStarted)
    assert events[0].plugin == "shouter"
    assert [event.note for event in events if isinstance(event, ActionProgress)] == ["half"]
    assert "".join(e.text for e in events if isinstance(e, ActionText)) == "HELLO THERE "
    assert isinstance(events[-1], ActionFinished)
    path.write_text(SHOUT.replace("upper()", "title()"))
    eventually(lambda: text_of(client, "shout", "hello") == "Hello ")
    assert client.plugin("shouter").title == "Shouts."
    path.unlink()
    eventually(lambda: not has_action(client, "shout"))
    with pytest.raises(ActionNotFound):
        client.run_action(ActionRequest(action="shout"))


@pytest.mark.live
def test_a_plugin_is_turned_off_and_on_without_a_restart(daemon: LiveDaemon) -> None:
    client = daemon.client()
    put(daemon, "switched", SHOUT.replace('"shout"', '"switched"'))
    eventually(lambda: has_action(client, "switched"))
    assert client.disable_plugin("switched").state == "off"
    assert not has_action(client, "switched")
    assert client.enable_plugin("switched").state == "on"
    assert client.set_hotkey("switched", "Alt+Ctrl+S").hotkey == "ctrl+alt+s"
    assert text_of(client, "switched", "a") == "A "


@pytest.mark.live
def test_killed_while_an_action_runs_it_is_an_error_and_the_next_run_works(
    daemon: LiveDaemon,
) -> None:
    client = daemon.client()
    put(daemon, "waiter", WAIT)
    put(daemon, "other", SHOUT.replace('"shout"', '"other"'))
    eventually(lambda: has_action(client, "wait") and has_action(client, "other"))
    with client.run_action(ActionRequest(action="wait")) as events:
        assert isinstance(next(events), ActionStarted)
        assert isinstance(next(events), ActionText)
        before = host_of(daemon).pid
        host_of(daemon).kill()
        with pytest.raises(PluginBroken, match=r"waiter was running .*SIGKILL"):
            list(events)
    assert text_of(client, "other", "next") == "NEXT "
    assert host_of(daemon).pid != before


@pytest.mark.live
def test_a_plugin_that_holds_the_whole_process_is_ended_and_named(daemon: LiveDaemon) -> None:
    client = daemon.client()
    put(daemon, "hogger", HOG)
    eventually(lambda: has_action(client, "hog"))
    with client.events() as facts, client.run_action(ActionRequest(action="hog")) as events:
        assert isinstance(next(events), ActionStarted)
        assert client.status().pid == daemon.process.pid  # which waits for nobody
        with pytest.raises(PluginBroken, match=r"hogger was running .*did not answer for 10 s"):
            list(events)
        told = next(fact for fact in facts if isinstance(fact, PluginFailed))
    assert (told.plugin, told.hook) == ("hogger", "the action hog")


@pytest.mark.live
def test_what_ends_the_process_twice_is_kept_out_until_its_file_changes(
    daemon: LiveDaemon,
) -> None:
    client = daemon.client()
    path = put(daemon, "quitter", QUIT)
    for _ in range(2):
        eventually(lambda: has_action(client, "quit"))
        with (
            pytest.raises(PluginBroken, match=r"quitter was running .*exit code 5"),
            client.run_action(ActionRequest(action="quit")) as events,
        ):
            list(events)
    eventually(lambda: not has_action(client, "quit"))
    kept_out = client.plugin("quitter")
    assert kept_out.state == "suspended"
    assert kept_out.problem is not None
    assert "exit code 5" in kept_out.problem.message
    path.write_text(QUIT.replace("os._exit(5)", 'return "mended"'))
    eventually(lambda: has_action(client, "quit"))
    assert text_of(client, "quit") == "mended"
    assert client.plugin("quitter").problem is None


@pytest.mark.live
def test_plugins_end_with_the_daemon_however_it_ends(tmp_path: Path) -> None:
    with LiveDaemon(tmp_path, settings=["desktop.start=false"]) as daemon:
        daemon.client().plugins()
        host = host_of(daemon)
        daemon.process.send_signal(signal.SIGKILL)
        daemon.process.wait()
        eventually(lambda: not host.is_running() or host.status() == psutil.STATUS_ZOMBIE)


@pytest.mark.live
def test_turned_off_no_plugin_runs(tmp_path: Path) -> None:
    settings = ["plugins.enabled=false", "desktop.start=false"]
    with LiveDaemon(tmp_path, settings=settings) as daemon:
        client = daemon.client()
        problem = client.plugins().problem
        assert problem is not None
        assert problem.code == "plugins_unavailable"
        with pytest.raises(PluginsUnavailable, match="turned off"):
            client.run_action(ActionRequest(action="shout"))
        commands = msgspec.json.decode(daemon.paths.plugin_commands.read_bytes(), type=CommandCache)
        assert commands.commands == ()


@pytest.mark.live
def test_a_plugin_rewrites_requests_asks_the_model_and_adds_a_command(tmp_path: Path) -> None:
    with LiveDaemon(tmp_path, [starter_model()], settings=["desktop.start=false"]) as daemon:
        client = daemon.client()
        path = put(daemon, "polite", POLITE)
        eventually(lambda: has_action(client, "ask-politely"))
        assert text_of(client, "ask-politely")
        prompt = daemon.openai().post(
            "http://hob/hob/v1/apply-template",
            body={"messages": [{"role": "user", "content": "Hi"}]},
            cast_to=object,
        )
        assert "You are very polite." in str(prompt)
        commands = msgspec.json.decode(daemon.paths.plugin_commands.read_bytes(), type=CommandCache)
        (greet,) = [one for one in commands.commands if one.name == "greet"]
        assert (greet.plugin, greet.source, greet.target) == ("polite", "folder", str(path))
        path.write_text(POLITE.replace('request | {"messages": messages}', '{"messages": 7}'))
        told: list[PluginFailed] = []
        with client.events() as facts:
            reader = threading.Thread(target=read_failures, args=(facts, told), daemon=True)
            reader.start()
            # While the changed file is being loaded nothing is rewritten, and nothing fails.
            eventually(lambda: refused(daemon) and told)
            facts.interrupt()
            reader.join()
        assert (told[0].plugin, told[0].hook) == ("polite", "rewrite_request")


def read_failures(facts: FactStream, told: list[PluginFailed]) -> None:
    """Keep what is told of plugins that failed, until the stream is interrupted."""
    with contextlib.suppress(HobError):
        for fact in facts:
            if isinstance(fact, PluginFailed):
                told.append(fact)


def refused(daemon: LiveDaemon) -> bool:
    """Whether a chat is answered as it was sent."""
    try:
        reply = daemon.openai().post(
            "http://hob/hob/v1/apply-template",
            body={"messages": [{"role": "user", "content": "Hi"}]},
            cast_to=object,
        )
    except HobError:
        return False
    return "polite" not in str(reply)
