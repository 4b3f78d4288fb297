"""What a plugin is given, against a daemon that gives scripted answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.fake_daemon import Connection, FakeDaemon
from fakes.plugin_driver import Driver, error_of, text_of
from hob.client import Client
from hob.errors import Cancelled, ClipboardSecret, InvalidRequest, NoDesktop
from hob.plugins.host.context import PluginContext
from hob.plugins.host.storage import PluginStorage
from hob.wire.base import ErrorInfo
from hob.wire.desktop import Clip, OrderReply
from hob.wire.generate import ChatMessage
from hob.wire.plugin_host import CancelRun
from hob.wire.plugins import ActionText, Opens

ASK = "/hob/v1/desktop/ask"
PNG = "data:image/png;base64,iVBORw0KGgo="
ACTIONS = """
from hob.plugins import Action, Opens, hookimpl

def summary(run):
    yield from run.ask(run.text, system="Be brief.")

def show(run):
    return f"{run.kind}:{run.text}"

@hookimpl
def register_actions():
    return [
        Action("summary", "Summary", summary, takes="clipboard"),
        Action("show", "Show", show, takes="selection"),
        Action("window", "Window", opens=Opens(window="prompt", text="hi")),
    ]
"""


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[FakeDaemon]:
    with FakeDaemon(tmp_path / "hob.sock") as daemon:
        yield daemon
    assert not daemon.problems


@pytest.fixture
def context(daemon: FakeDaemon, tmp_path: Path) -> PluginContext:
    return PluginContext(
        "mine",
        Client(daemon.socket_path),
        PluginStorage(tmp_path / "storage" / "mine"),
        values=lambda: {"words": 3},
        refresh=lambda: None,
    )


def no_desktop() -> OrderReply:
    return OrderReply(error=ErrorInfo.of(NoDesktop("There is no desktop.")))


def test_an_answer_is_read_piece_by_piece_and_as_a_whole(
    daemon: FakeDaemon, context: PluginContext
) -> None:
    daemon.chat("one ", "two")
    answer = context.ask("Count.", system="Be brief.", max_tokens=5, model="tiny")
    assert answer.finish_reason == ""
    assert list(answer) == ["one ", "two"]
    assert list(answer) == ["one ", "two"]
    assert (answer.text, answer.finish_reason) == ("one two", "stop")
    (asked,) = daemon.requests_to("/v1/chat/completions")
    assert asked.headers["x-hob-plugin"] == "mine"
    assert asked.headers["x-hob-priority"] == "interactive"
    assert asked.json["max_tokens"] == 5
    assert asked.json["model"] == "tiny"
    assert [m["role"] for m in asked.json["messages"]] == ["system", "user"]


def test_an_image_is_a_part_of_the_last_message(daemon: FakeDaemon, context: PluginContext) -> None:
    daemon.chat("a cat")
    said = [ChatMessage(role="user", content="What is it?")]
    for prompt in ("What is it?", said):
        assert context.ask(prompt, image=PNG).text == "a cat"
        content = daemon.asked[-1].json["messages"][-1]["content"]
        assert [part["type"] for part in content] == ["image_url", "text"]
        assert content[0]["image_url"]["url"] == PNG
    with pytest.raises(InvalidRequest):
        context.ask("What?", image="https://example.org/cat.png")
    with pytest.raises(InvalidRequest):
        context.ask([ChatMessage(role="assistant", content="x")], image=PNG)


def test_what_is_asked_ends_when_the_run_is_taken_back(
    daemon: FakeDaemon, context: PluginContext
) -> None:
    daemon.chat("one ", end=False, then=Connection.wait_until_left)
    answer = iter(context.ask("Count."))
    assert next(answer) == "one "
    context.waits.cancel()
    with pytest.raises(Cancelled):
        next(answer)
    assert daemon.left.wait(10)
    with pytest.raises(Cancelled):
        context.ask("Again.")


def test_answers_that_nobody_reads_on_do_not_stay(
    daemon: FakeDaemon, context: PluginContext
) -> None:
    daemon.chat("one ", end=False, then=Connection.wait_until_left)
    assert next(iter(context.ask("Count."))) == "one "
    assert daemon.left.wait(10)


def test_tokens_are_counted_by_the_daemon(daemon: FakeDaemon, context: PluginContext) -> None:
    daemon.reply("POST", "/hob/v1/tokenize", {"tokens": [1, 2, 3], "count": 3})
    assert context.count_tokens("one two three") == 3


def test_the_clipboard_and_the_notices_are_the_desktops(
    daemon: FakeDaemon, context: PluginContext
) -> None:
    daemon.reply("POST", ASK, OrderReply(clip=Clip(text="copied")))
    assert context.clipboard.read().text == "copied"
    assert context.clipboard.selection().text == "copied"
    context.clipboard.write("new")
    context.clipboard.paste("new")
    context.notify("t" * 500, "x" * 5000, copy="all of it")
    context.open(Opens(window="actions"))
    orders = [asked.json["order"] for asked in daemon.requests_to(ASK)]
    assert [order["order"] for order in orders] == [
        "read_clip", "read_clip", "write_clip", "paste", "notify", "open",
    ]  # fmt: skip
    assert orders[1]["source"] == "selection"
    assert len(orders[4]["title"]) == 200
    assert orders[4]["copy"] == "all of it"


def test_without_a_desktop_a_notice_is_nothing_and_the_rest_says_so(
    daemon: FakeDaemon, context: PluginContext
) -> None:
    daemon.reply("POST", ASK, no_desktop())
    context.notify("Done")
    with pytest.raises(NoDesktop):
        context.clipboard.read()
    with pytest.raises(NoDesktop):
        context.open(Opens())


def test_values_are_kept_and_bounded(context: PluginContext) -> None:
    storage = context.storage
    assert storage.get("x", 1) == 1
    storage.put("x", {"a": [1, "ü"]})
    storage.put("y", None)
    again = PluginStorage(storage.folder)
    assert again.get("x") == {"a": [1, "ü"]}
    assert again.get("y", 5) is None
    for value in (object(), float("nan"), "x" * (5 * 2**20)):
        with pytest.raises(InvalidRequest):
            storage.put("z", value)
    (storage.folder / "values.json").write_text("{")
    assert storage.get("x", "gone") == "gone"
    storage.put("x", 2)
    assert storage.get("x") == 2


def test_an_action_fetches_its_text_and_streams_the_answer(
    daemon: FakeDaemon, tmp_path: Path
) -> None:
    daemon.reply("POST", ASK, OrderReply(clip=Clip(text="Dear all,\nhello.")))
    daemon.chat("A ", "greeting.")
    with Driver(tmp_path, socket=daemon.socket_path) as host:
        host.write("mine.py", ACTIONS)
        host.plugin("mine", "on")
        assert text_of(host.run("summary", desktop=":0", model="tiny")) == "A greeting."
        assert daemon.requests_to(ASK)[0].json["desktop"] == ":0"
        assert daemon.requests_to("/v1/chat/completions")[0].json["model"] == "tiny"
        assert text_of(host.run("show")) == "message:Dear all,\nhello."
        assert daemon.requests_to(ASK)[-1].json["order"]["source"] == "selection"
        # What was brought along is not fetched.
        before = len(daemon.requests_to(ASK))
        assert text_of(host.run("show", text="x = 1;")) == "code:x = 1;"
        assert len(daemon.requests_to(ASK)) == before


def test_secrets_and_empty_clipboards_are_said(daemon: FakeDaemon, tmp_path: Path) -> None:
    with Driver(tmp_path, socket=daemon.socket_path) as host:
        host.write("mine.py", ACTIONS)
        host.plugin("mine", "on")
        for reply, code in (
            (OrderReply(clip=Clip(secret=True)), ClipboardSecret.code),
            (OrderReply(clip=Clip()), InvalidRequest.code),
            (no_desktop(), NoDesktop.code),
        ):
            daemon.reply("POST", ASK, reply)
            assert error_of(host.run("summary")).code == code


def test_an_action_that_opens_a_window_has_the_desktop_open_it(
    daemon: FakeDaemon, tmp_path: Path
) -> None:
    daemon.reply("POST", ASK, OrderReply())
    with Driver(tmp_path, socket=daemon.socket_path) as host:
        host.write("mine.py", ACTIONS)
        host.plugin("mine", "on")
        assert text_of(host.run("window")) == ""
        (asked,) = daemon.requests_to(ASK)
        assert asked.json["order"]["order"] == "open"
        assert asked.json["order"]["opens"]["text"] == "hi"


def test_taking_a_run_back_stops_the_model(daemon: FakeDaemon, tmp_path: Path) -> None:
    daemon.chat("one ", end=False, then=Connection.wait_until_left)
    with Driver(tmp_path, socket=daemon.socket_path) as host:
        host.write("mine.py", ACTIONS)
        host.plugin("mine", "on")
        id = host.start("summary", text="long")
        host.wait_event(id, lambda event: isinstance(event, ActionText))
        host.send(CancelRun(id=id))
        assert error_of(host.finished(id)).code == "cancelled"
        assert daemon.left.wait(10)
