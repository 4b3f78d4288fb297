"""The daemon's side of the plugins, against a real process that misbehaves on cue."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from fakes.fake_plugin_host import argv
from hob.bus import Bus
from hob.companions import plugin_host, plugin_process
from hob.companions.backoff import Policy
from hob.companions.plugin_host import PluginHost
from hob.companions.plugin_life import Health
from hob.companions.plugin_process import HOST_ARGV, HostOptions
from hob.errors import (
    ActionNotFound,
    HobError,
    InvalidRequest,
    Overloaded,
    PluginBroken,
    PluginNotFound,
    PluginsUnavailable,
    ToolNotFound,
)
from hob.wire.base import ErrorInfo
from hob.wire.events import Event, ModelAdded, PluginFailed, PluginsChanged
from hob.wire.plugin_host import Catalogue
from hob.wire.plugins import (
    ActionEvent,
    ActionFailed,
    ActionFinished,
    ActionProgress,
    ActionRequest,
    ActionStarted,
    ActionText,
)

QUICK = Policy(first_s=0.001, longest_s=0.002, deaths=4, rest_s=3600)
HEALTH = Health(look_s=0.02, ping_s=0.05, hung_s=1.0, first_s=60.0)


class Bench:
    """A host under test, the facts that it has published, and the catalogues that it told of."""

    def __init__(self, folder: Path, *cues: str, **options: Any) -> None:
        self.bus = Bus()
        self.facts: asyncio.Queue[Event] = asyncio.Queue()
        self.catalogues: list[Catalogue] = []
        given: dict[str, Any] = {"argv": argv(*cues), "health": HEALTH, "policy": QUICK}
        self.host = PluginHost(
            HostOptions(
                socket=str(folder / "hob.sock"),
                folder=folder / "plugins",
                settings_file=folder / "plugins.toml",
                storage=folder / "storage",
                **(given | options),
            ),
            self._publish,
            self.bus.subscribe,
            self.catalogues.append,
        )

    def _publish(self, event: Event) -> None:
        self.facts.put_nowait(event)
        self.bus.publish(event)

    async def failure(self) -> PluginFailed:
        """The next failure of a plugin that is told of."""
        while not isinstance(fact := await self.facts.get(), PluginFailed):
            pass
        return fact

    async def run(self, action: str, text: str | None = None) -> list[ActionEvent]:
        return [event async for event in await self.start(action, text)]

    async def start(self, action: str, text: str | None = None) -> AsyncIterator[ActionEvent]:
        return await self.host.run(ActionRequest(action=action, text=text))

    async def error_of(self, action: str) -> HobError:
        """What a run ends with that fails."""
        last = (await self.run(action))[-1]
        assert isinstance(last, ActionFailed)
        return last.error.error()


def text_of(events: list[ActionEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, ActionText))


MakeBench = Callable[..., Bench]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[MakeBench]:
    tasks: list[asyncio.Task[None]] = []
    before = set(psutil.Process().children())

    def make(*cues: str, **options: Any) -> Bench:
        made = Bench(tmp_path, *cues, **options)
        tasks.append(asyncio.create_task(made.host.live()))
        return made

    yield make
    for task in tasks:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    assert set(psutil.Process().children()) == before


# ---- what there is ----


async def test_until_the_first_catalogue_the_listing_says_that_it_loads(bench: MakeBench) -> None:
    b = bench()
    problem = b.host.listing().problem
    assert problem is not None
    assert problem.message == "The plugins are still being loaded."
    with pytest.raises(PluginsUnavailable, match="still being loaded"):
        b.host.plugin("good")
    await b.host.settled()
    listing = b.host.listing()
    assert listing.problem is None
    assert [info.name for info in listing.plugins] == ["good", "bad", "polite"]
    assert [tool.name for tool in b.host.tools().tools] == ["add", "fail", "held-tool"]
    assert [catalogue.warm_prompts for catalogue in b.catalogues] == [("You are polite.",)]
    assert isinstance(await b.facts.get(), PluginsChanged)


async def test_nobody_waits_for_ever_for_plugins_that_do_not_load(
    bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin_process, "SETTLE_S", 0.05)
    monkeypatch.setattr(plugin_process, "READY_S", 0.05)
    b = bench("silent")
    await b.host.settled()
    assert b.host.listing().problem is not None
    with pytest.raises(PluginsUnavailable, match="still being loaded"):
        await b.start("echo")


async def test_turned_off_no_process_is_started_and_the_reason_told(bench: MakeBench) -> None:
    b = bench(enabled=False)
    await b.host.settled()
    assert b.host.pid is None
    with pytest.raises(PluginsUnavailable, match="turned off"):
        await b.start("echo")
    with pytest.raises(PluginsUnavailable, match="turned off"):
        await b.host.manage("enable", "good")
    with pytest.raises(PluginsUnavailable, match="turned off"):
        b.host.plugin("good")
    assert b.catalogues == [Catalogue(plugins=())]


async def test_a_process_that_never_gets_up_is_a_problem_in_words(bench: MakeBench) -> None:
    b = bench("exit-at-start")
    await b.host.settled()
    problem = b.host.listing().problem
    assert problem is not None
    assert "again and again" in problem.message
    assert "exit code 3" in problem.message
    with pytest.raises(PluginsUnavailable, match="left to rest"):
        await b.start("echo")


# ---- running actions ----


async def test_an_action_tells_its_text_and_ends(bench: MakeBench) -> None:
    events = await bench().run("echo", "one two")
    assert isinstance(events[0], ActionStarted)
    assert isinstance(events[-1], ActionFinished)
    assert text_of(events) == "one two "


async def test_a_wrong_name_is_guessed(bench: MakeBench) -> None:
    b = bench()
    with pytest.raises(ActionNotFound, match="Did you mean echo"):
        await b.start("ecko")
    with pytest.raises(ToolNotFound, match="Did you mean add"):
        await b.host.call_tool("ad", "{}")
    with pytest.raises(PluginNotFound, match="Did you mean good"):
        b.host.plugin("goo")


async def test_whoever_leaves_takes_the_run_back(
    bench: MakeBench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "hob.plugins")
    b = bench()
    events = await b.host.run(ActionRequest(action="held"))
    assert isinstance(await anext(events), ActionStarted)
    await events.aclose()
    await b.run("echo", "later")  # which the process reads after the cancel
    assert "cancelled run-1" in caplog.text


async def test_a_run_that_nobody_listens_to_is_not_begun(bench: MakeBench) -> None:
    b = bench()
    await b.start("crash")
    assert text_of(await b.run("echo", "fine")) == "fine "


async def test_a_slow_reader_loses_no_text_and_holds_up_nobody(bench: MakeBench) -> None:
    b = bench()
    slow = await b.start("flood")
    first = await anext(aiter(slow))
    assert text_of(await b.run("echo", "others go on")) == "others go on "
    rest = [event async for event in slow]
    assert isinstance(first, ActionStarted)
    assert text_of(rest) == "x" * 5_000
    assert len(rest) < 1_000
    notes = [event.note for event in rest if isinstance(event, ActionProgress)]
    assert notes
    assert all(len(note) == 500 for note in notes)


async def test_text_without_end_is_cut_off_and_the_plugin_named(bench: MakeBench) -> None:
    error = await bench().error_of("talk-much")
    assert isinstance(error, PluginBroken)
    assert "The plugin bad made more than" in error.message


async def test_too_many_runs_at_once_are_turned_away(bench: MakeBench) -> None:
    b = bench()
    runs = [await b.host.run(ActionRequest(action="held")) for _ in range(65)]
    for run in runs[:64]:
        await anext(run)
    last = await anext(runs[64])
    assert isinstance(last, ActionFailed)
    assert isinstance(last.error.error(), Overloaded)
    for run in runs:
        await run.aclose()


# ---- what goes wrong ----


@pytest.mark.parametrize(
    ("action", "cause"),
    [
        ("crash", "SIGKILL"),
        ("exit", "exit code 9"),
        ("babble", "does not understand"),
        ("too-big", "A frame claims"),
        ("hang", "did not answer for 1 s"),
    ],
)
async def test_a_plugin_that_brings_the_process_down_is_named_and_the_next_run_works(
    bench: MakeBench, action: str, cause: str
) -> None:
    b = bench()
    events = await b.run(action)
    assert text_of(events) == "first "
    last = events[-1]
    assert isinstance(last, ActionFailed)
    assert isinstance(last.error.error(), PluginBroken)
    assert f"The plugin bad was running (action {action})" in last.error.message
    assert cause in last.error.message
    told = await b.failure()
    assert (told.plugin, told.hook, told.suspended) == ("bad", f"action {action}", False)
    assert text_of(await b.run("echo", "again")) == "again "


async def test_a_plugin_that_eats_memory_is_named(bench: MakeBench) -> None:
    health = Health(look_s=0.02, ping_s=0.05, hung_s=60, max_rss_bytes=250 * 2**20)
    error = await bench(health=health).error_of("eat")
    assert "GiB of memory" in error.message
    assert "The plugin bad" in error.message


async def test_runs_of_other_plugins_are_told_who_it_was(bench: MakeBench) -> None:
    b = bench()
    held = await b.start("held")
    assert isinstance(await anext(aiter(held)), ActionStarted)
    await b.run("crash")
    rest = [event async for event in held]
    assert isinstance(rest[-1], ActionFailed)
    error = rest[-1].error.error()
    # It was running itself, and so is named as well.
    assert "SIGKILL" in error.message


async def test_a_question_that_waits_gets_an_error_when_the_process_dies(bench: MakeBench) -> None:
    b = bench()
    await b.host.settled()
    asked = asyncio.create_task(b.host.call_tool("held-tool", "{}"))
    await asyncio.sleep(0)
    await b.run("crash")
    with pytest.raises(PluginsUnavailable, match=r"in the plugin bad \(SIGKILL"):
        await asked


async def test_who_brings_it_down_twice_is_kept_out_until_somebody_reloads_it(
    bench: MakeBench,
) -> None:
    b = bench()
    await b.run("crash")
    await b.run("exit")
    assert not (await b.failure()).suspended
    told = await b.failure()
    assert (told.plugin, told.suspended) == ("bad", True)
    with pytest.raises(ActionNotFound):
        await b.start("crash")
    bad = b.host.listing().plugins[1]
    assert bad.state == "suspended"
    assert bad.problem is not None
    assert "exit code 9" in bad.problem.message
    await b.host.manage("reload", "bad")
    again = b.host.plugin("bad")
    assert (again.state, again.problem) == ("on", None)
    assert isinstance(await b.error_of("crash"), PluginBroken)
    assert not (await b.failure()).suspended


async def test_who_ends_the_process_while_all_are_loaded_is_kept_out_and_no_other(
    bench: MakeBench, tmp_path: Path
) -> None:
    folder = tmp_path / "plugins"
    folder.mkdir()
    hook = "from hob.plugins import hookimpl\n@hookimpl\ndef stop(): pass\n"
    (folder / "guilty.py").write_text("import os, time\ntime.sleep(0.3)\nos._exit(4)\n")
    for name in ("also_there", "there_too"):
        (folder / f"{name}.py").write_text("import time\ntime.sleep(0.6)\n" + hook)
    b = bench(argv=HOST_ARGV, health=Health())
    while not (told := await b.failure()).suspended:
        pass
    assert told.plugin == "guilty"
    states: dict[str, str] = {}
    while "guilty" not in states or "loading" in states.values():
        await b.facts.get()
        states = {info.name: info.state for info in b.host.listing().plugins}
    assert states["guilty"] == "suspended"
    assert (states["also_there"], states["there_too"]) == ("on", "on")


async def test_with_the_culprit_out_the_process_is_not_given_up(bench: MakeBench) -> None:
    b = bench(policy=Policy(deaths=2, rest_s=3600))
    await b.run("crash")
    await b.run("crash")
    assert text_of(await b.run("echo", "up")) == "up "


async def test_a_process_given_up_is_started_by_whoever_manages_a_plugin(bench: MakeBench) -> None:
    b = bench(policy=Policy(deaths=1, rest_s=3600))
    await b.run("crash")
    with pytest.raises(PluginsUnavailable, match="left to rest") as given_up:
        await b.start("echo")
    # What runs on a thread of its own is inside of no call, so any of them may have done it.
    assert "(good, bad, polite)" in given_up.value.hint
    await b.host.manage("reload", "bad")
    assert text_of(await b.run("echo", "up")) == "up "


async def test_when_the_daemon_stops_runs_are_told_so(tmp_path: Path) -> None:
    b = Bench(tmp_path)
    living = asyncio.create_task(b.host.live())
    held = await b.start("held")
    assert isinstance(await anext(aiter(held)), ActionStarted)
    living.cancel()
    rest = [event async for event in held]
    await asyncio.wait({living})
    assert isinstance(rest[-1], ActionFailed)
    assert rest[-1].error.code == "shutting_down"


async def test_what_it_prints_is_logged_within_bounds(
    bench: MakeBench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "hob.plugins")
    b = bench("noisy")
    await b.run("echo", "a")
    assert 0 < caplog.text.count("noise") < 1_000


# ---- tools, rewriting, managing, facts ----


async def test_a_tool_answers_or_fails_by_name(bench: MakeBench) -> None:
    b = bench()
    assert await b.host.call_tool("add", '{"a": 1}') == '{"a": 1}'
    with pytest.raises(PluginBroken, match="add up"):
        await b.host.call_tool("fail", "{}")


def chat(first: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": first}]}


def as_is(request: dict[str, Any]) -> dict[str, Any]:
    return request


async def test_a_request_is_rewritten_or_left(
    bench: MakeBench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "hob.plugins")
    b = bench("rewrites")
    await b.host.settled()
    assert b.host.rewrites
    changed = await b.host.rewrite(chat("polite"), as_is)
    assert changed is not None
    assert len(changed["messages"]) == 2
    assert "a request was rewritten by polite" in caplog.messages
    assert await b.host.rewrite(chat("same"), as_is) is None
    assert await b.host.rewrite(chat("polite"), as_is, asker="polite") is None


async def test_a_request_made_invalid_goes_on_and_the_plugin_is_named(bench: MakeBench) -> None:
    def refuse(_: dict[str, Any]) -> str:
        raise InvalidRequest("`messages` is not valid.")

    b = bench("rewrites")
    await b.host.settled()
    assert await b.host.rewrite(chat("wrong"), refuse) is None
    told = await b.failure()
    assert (told.plugin, told.hook) == ("polite", "rewrite_request")
    assert "`messages` is not valid." in told.error.message


async def test_nobody_waits_twice_for_a_rewriter_that_does_not_answer(
    bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin_host, "REWRITE_EACH_S", 0.05)
    monkeypatch.setattr(plugin_host, "REWRITE_MORE_S", 0.0)
    b = bench("rewrites", health=Health(look_s=60))
    await b.host.settled()
    assert await b.host.rewrite(chat("slow"), as_is) is None
    assert (await b.failure()).plugin == "polite"
    monkeypatch.setattr(plugin_host, "REWRITE_EACH_S", 3600)
    assert await b.host.rewrite(chat("polite"), as_is) is None


async def test_what_a_plugin_asks_while_it_rewrites_is_rewritten_by_nobody(
    bench: MakeBench,
) -> None:
    b = bench("rewrites", "rewrites-too")
    await b.host.settled()
    rewriting = asyncio.create_task(b.host.rewrite(chat("slow"), as_is))
    await asyncio.sleep(0)
    await b.host.call_tool("add", "{}")  # now `polite` is known to be at it
    assert await b.host.rewrite(chat("polite"), as_is, asker="polite") is None
    assert await b.host.rewrite(chat("polite"), as_is, asker="good") is not None
    rewriting.cancel()


async def test_without_plugins_nothing_is_rewritten(bench: MakeBench) -> None:
    b = bench()
    assert not b.host.rewrites
    await b.host.settled()
    assert not b.host.rewrites
    assert await b.host.rewrite(chat("polite"), as_is) is None


async def test_a_plugin_is_turned_off_and_the_listing_shows_it(bench: MakeBench) -> None:
    b = bench()
    await b.host.manage("disable", "bad")
    assert b.host.plugin("bad").state == "off"
    assert [action.plugin for action in b.host.actions().actions] == ["good"] * 3
    await b.host.manage("hotkey", "echo", value="f5")
    with pytest.raises(PluginNotFound):
        await b.host.manage("enable", "missing")


async def test_facts_reach_a_plugin_that_listens_and_its_failures_at_it_do_not(
    bench: MakeBench,
) -> None:
    b = bench("listens")
    assert (await b.failure()).error.message == "plugins.changed"  # the first that there is
    error = ErrorInfo.of(PluginBroken("It is deaf."))
    b.bus.publish(PluginFailed(at=1.0, plugin="good", hook="on_event", error=error))
    b.bus.publish(ModelAdded(at=1.0, model="tiny"))
    # The process tells what it was told, in order.
    assert (await b.failure()).error.message == "model.added"


async def test_facts_are_kept_from_plugins_that_do_not_listen(bench: MakeBench) -> None:
    b = bench()
    await b.run("echo", "a")
    b.bus.publish(PluginsChanged(at=1.0))
    await b.run("echo", "b")
    facts = [b.facts.get_nowait() for _ in range(b.facts.qsize())]
    assert not any(isinstance(fact, PluginFailed) for fact in facts)
