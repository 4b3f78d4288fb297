"""`hob action`: listing what plugins offer, running it, and its hotkeys."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from fakes import replies
from fakes.command_line import Cli
from fakes.fake_daemon import Connection, FakeDaemon, sse
from fakes.terminal import Terminal
from hob.errors import BadHotkey, DesktopRefused, NoDesktop, PluginBroken
from hob.wire.base import ErrorInfo, ErrorReply
from hob.wire.desktop import (
    DesktopList,
    DesktopStatus,
    HotkeyState,
    OrderReply,
)
from hob.wire.plugins import (
    ActionFailed,
    ActionFinished,
    ActionInfo,
    ActionList,
    ActionProgress,
    ActionStarted,
    ActionText,
    Opens,
)

ACTIONS, RUN, HOTKEY = "/hob/v1/actions", "/hob/v1/actions/run", "/hob/v1/actions/hotkey"
DESKTOP, ASK = "/hob/v1/desktop", "/hob/v1/desktop/ask"

SUMMARIZE = ActionInfo(
    name="summarize", plugin="clipboard", title="Summarize", takes="clipboard", hotkey="ctrl+alt+s"
)
TRANSLATE = ActionInfo(
    name="translate",
    plugin="clipboard",
    title="Translate...",
    takes="clipboard",
    asks="Into which language?",
    choices=("German", "French"),
)
ASK_ACTION = ActionInfo(
    name="ask", plugin="prompt", title="Ask...", opens=Opens(), default_hotkey="ctrl+alt+space"
)
STARTED = ActionStarted(id="1", action="summarize", plugin="clipboard", title="Summarize")


@pytest.fixture(autouse=True)
def actions(daemon: FakeDaemon) -> FakeDaemon:
    """The daemon knows three actions, and no desktop is attached."""
    daemon.reply("GET", ACTIONS, ActionList(actions=(ASK_ACTION, SUMMARIZE, TRANSLATE)))
    daemon.reply("GET", DESKTOP, DesktopList(desktops=()))
    make(daemon, "It is ", "**short**.")
    return daemon


def make(daemon: FakeDaemon, *pieces: str) -> None:
    """Runs make these pieces of text."""
    texts = [ActionText(text=piece) for piece in pieces]
    progress = ActionProgress(fraction=0.5, note="Part 1 of 2")
    daemon.stream("POST", RUN, [STARTED, progress, *texts, ActionFinished()])


def desktop_with(*states: HotkeyState) -> DesktopList:
    status = DesktopStatus(
        id="d1", session=":0", pid=1, attached_at=1.0, hotkey_way="x11", hotkeys=states
    )
    return DesktopList(desktops=(status,))


def sent(daemon: FakeDaemon, target: str = RUN) -> Any:
    [asked] = daemon.requests_to(target)
    return asked.json


TAKEN = HotkeyState(
    action="summarize",
    hotkey="ctrl+alt+s",
    problem=ErrorInfo.of(DesktopRefused("Another program has ctrl+alt+s.", hint="Choose another.")),
)


# ---- list ----


@pytest.mark.parametrize("command", [("action",), ("action", "list")])
def test_actions_are_listed_with_what_they_take_and_their_hotkeys(
    cli: Cli, command: tuple[str, ...]
) -> None:
    ran = cli(*command)
    assert ran.code == 0
    header, *rows = ran.out.splitlines()
    assert header.split() == ["NAME", "TITLE", "PLUGIN", "TAKES", "HOTKEY"]
    assert rows[1].split() == ["summarize", "Summarize", "clipboard", "clipboard", "ctrl+alt+s"]
    assert rows[0].split() == ["ask", "Ask...", "prompt", "-", "-"]


def test_a_hotkey_that_does_not_work_is_listed_with_its_reason(
    cli: Cli, daemon: FakeDaemon
) -> None:
    daemon.reply("GET", DESKTOP, desktop_with(TAKEN))
    ran = cli("action", "list")
    assert "ctrl+alt+s (!)" in ran.out
    assert "(summarize): Another program has ctrl+alt+s. Choose another." in ran.out


def test_the_list_can_be_read_by_programs(cli: Cli) -> None:
    listed = json.loads(cli("action", "list", "--json").out)
    assert [action["name"] for action in listed["actions"]] == ["ask", "summarize", "translate"]


def test_without_actions_the_way_to_some_is_told(cli: Cli, daemon: FakeDaemon) -> None:
    daemon.reply("GET", ACTIONS, ActionList(actions=()))
    assert "hob plugins" in cli("action").out


def test_names_of_strangers_are_made_safe(cli: Cli, daemon: FakeDaemon) -> None:
    evil = ActionInfo(name="x", plugin="p", title="a\x1b[2J\nb", hotkey="f1\x07")
    daemon.reply("GET", ACTIONS, ActionList(actions=(evil,)))
    out = cli("action").out
    assert "\x1b" not in out
    assert "\x07" not in out
    assert "a b" in out


# ---- run ----


def test_an_action_runs_on_what_is_piped_in(cli: Cli, daemon: FakeDaemon) -> None:
    ran = cli("action", "run", "summarize", stdin=b"A long text.")
    assert (ran.code, ran.out) == (0, "It is **short**.\n")
    assert sent(daemon) == {"action": "summarize", "text": "A long text."}


def test_an_action_runs_on_words_files_and_a_pipe_together(
    cli: Cli, daemon: FakeDaemon, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("From a file.")
    file = str(tmp_path / "notes.txt")
    options = ["-f", file, "--text", "This", "--input", "German", "--model", "big"]
    ran = cli("action", "run", "summarize", *options, "and that", stdin=b"From a pipe.\n")
    assert ran.code == 0
    assert sent(daemon) == {
        "action": "summarize",
        "text": "From a file.\n\nFrom a pipe.\n\n\nThis and that",
        "input": "German",
        "model": "big",
    }


def test_a_dash_stands_for_what_is_piped_in(cli: Cli, daemon: FakeDaemon) -> None:
    assert cli("action", "run", "summarize", "-f", "-", stdin=b"Piped.").code == 0
    assert sent(daemon)["text"] == "Piped."


def test_without_a_text_the_action_takes_its_own(cli: Cli, daemon: FakeDaemon) -> None:
    assert cli("action", "run", "summarize").code == 0
    assert sent(daemon) == {"action": "summarize"}


def test_off_a_terminal_nothing_is_asked(cli: Cli, daemon: FakeDaemon) -> None:
    assert cli("action", "run", "translate", stdin=b"Hello.").code == 0
    assert sent(daemon) == {"action": "translate", "text": "Hello."}


def test_an_action_that_opens_a_window_reads_no_pipe(cli: Cli, daemon: FakeDaemon) -> None:
    daemon.stream("POST", RUN, [STARTED, ActionFinished()])
    ran = cli("action", "run", "ask", stdin=b"whatever the key binding was started with")
    assert (ran.code, ran.out) == (0, "")
    assert sent(daemon) == {"action": "ask"}


def test_a_name_that_is_none_gets_what_is_alike(cli: Cli, daemon: FakeDaemon) -> None:
    ran = cli("action", "run", "sumarise")
    assert ran.code == 2
    assert "Did you mean summarize?" in ran.err
    assert daemon.requests_to(RUN) == []


def test_a_name_that_is_like_nothing_gets_all_there_is(cli: Cli) -> None:
    assert "There is: ask, summarize, translate." in cli("action", "run", "xyz").err


def test_a_run_that_fails_says_so_after_what_it_made(cli: Cli, daemon: FakeDaemon) -> None:
    error = ErrorInfo.of(PluginBroken("The plugin clipboard failed in summarize."))
    daemon.stream("POST", RUN, [STARTED, ActionText(text="Half"), ActionFailed(error=error)])
    ran = cli("action", "run", "summarize", stdin=b"text")
    assert (ran.code, ran.out) == (1, "Half\n")
    assert "The plugin clipboard failed in summarize." in ran.err


def test_a_run_that_breaks_off_is_no_success(cli: Cli, daemon: FakeDaemon) -> None:
    daemon.stream("POST", RUN, [STARTED, ActionText(text="Half")])
    assert cli("action", "run", "summarize", stdin=b"text").code == 3


def test_on_the_desktop_it_runs_as_by_its_hotkey(cli: Cli, daemon: FakeDaemon) -> None:
    daemon.reply("POST", ASK, OrderReply())
    assert cli("action", "run", "translate", "--desktop", "--input", "French").code == 0
    order = {"order": "trigger", "action": "translate", "input": "French"}
    assert sent(daemon, ASK)["order"] == order
    assert daemon.requests_to(RUN) == []


def test_without_a_desktop_that_is_said(cli: Cli, daemon: FakeDaemon) -> None:
    error = ErrorInfo.of(NoDesktop("No desktop is attached.", hint="`hob desktop` starts one."))
    daemon.reply("POST", ASK, ErrorReply(error=error), status=503)
    ran = cli("action", "run", "ask", "--desktop")
    assert ran.code == 1
    assert "No desktop is attached." in ran.err


def test_a_text_cannot_be_sent_along_to_the_desktop(cli: Cli, daemon: FakeDaemon) -> None:
    assert cli("action", "run", "summarize", "--desktop", "words").code == 2
    assert daemon.requests_to(ASK) == []


def test_what_was_made_can_be_copied(cli: Cli, daemon: FakeDaemon) -> None:
    daemon.reply("POST", ASK, OrderReply())
    ran = cli("action", "run", "summarize", "--copy", stdin=b"text")
    assert (ran.code, ran.out) == (0, "It is **short**.\n")
    order = {"order": "write_clip", "text": "It is **short**."}
    assert sent(daemon, ASK)["order"] == order


# ---- at a terminal ----


def test_a_person_sees_markdown_and_how_far_it_is(daemon: FakeDaemon) -> None:
    seen = threading.Event()

    def then(connection: Connection) -> None:
        seen.wait(20)
        for event in (ActionText(text="It is **short**.\x1b]0;evil\x07"), ActionFinished()):
            connection.chunk(sse(event))
        connection.chunk(b"")

    progress = ActionProgress(fraction=0.5, note="Part 1 of 2")
    daemon.stream("POST", RUN, [STARTED, progress], then=then)
    with Terminal("action", "run", "summarize", "text") as terminal:
        terminal.read_until("Part 1 of 2")
        terminal.read_until(" 50%")
        seen.set()
        assert terminal.wait() == 0
        assert "It is short." in terminal.text
        assert "**" not in terminal.text
        assert "\x1b]0" not in terminal.raw


def test_ctrl_c_takes_the_run_back(daemon: FakeDaemon) -> None:
    def stay(connection: Connection) -> None:
        connection.wait_until_left()

    daemon.stream("POST", RUN, [STARTED, ActionText(text="The beginning")], then=stay)
    with Terminal("action", "run", "summarize", "--plain", "text") as terminal:
        terminal.read_until("The beginning")
        terminal.press("\x03")
        assert terminal.wait() == 130
        assert daemon.left.wait(20)
        assert "Traceback" not in terminal.text


def test_a_person_is_asked_what_the_action_asks(daemon: FakeDaemon) -> None:
    with Terminal("action", "run", "translate", "Hello.") as terminal:
        terminal.read_until("Into which language? [German]")
        terminal.press("Latin\r")
        assert terminal.wait() == 0
        assert "For example German, French" in terminal.text
    assert sent(daemon) == {"action": "translate", "text": "Hello.", "input": "Latin"}


def test_enter_takes_what_is_offered_first(daemon: FakeDaemon) -> None:
    with Terminal("action", "run", "translate", "Hello.") as terminal:
        terminal.read_until("Into which language? [German]")
        terminal.press("\r")
        assert terminal.wait() == 0
    assert sent(daemon)["input"] == "German"


# ---- hotkey ----


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("Super+Ctrl+K", "ctrl+super+k"),
        ("none", ""),
        ("default", None),
    ],
)
def test_a_hotkey_is_given_taken_away_or_the_default_again(
    cli: Cli, daemon: FakeDaemon, words: str, told: str | None
) -> None:
    changed = ActionInfo(name="summarize", plugin="p", title="t", hotkey=told or "")
    daemon.reply("POST", HOTKEY, changed)
    ran = cli("action", "hotkey", "summarize", words)
    assert ran.code == 0
    assert sent(daemon, HOTKEY).get("hotkey") == told
    assert ("is on ctrl+super+k." in ran.out) == (words == "Super+Ctrl+K")


def test_without_a_combination_the_one_in_force_is_shown(cli: Cli, daemon: FakeDaemon) -> None:
    assert cli("action", "hotkey", "summarize").out == "summarize is on ctrl+alt+s.\n"
    assert "suggests ctrl+alt+space" in cli("action", "hotkey", "ask").out
    assert daemon.requests_to(HOTKEY) == []


def test_what_the_desktop_says_of_the_hotkey_is_told(cli: Cli, daemon: FakeDaemon) -> None:
    daemon.reply("GET", DESKTOP, desktop_with(TAKEN))
    ran = cli("action", "hotkey", "summarize")
    assert ran.code == 0
    assert "Another program has ctrl+alt+s." in ran.err


def test_whose_keys_an_action_takes_is_told(cli: Cli, daemon: FakeDaemon) -> None:
    changed = ActionInfo(name="ask", plugin="p", title="Ask", hotkey="ctrl+alt+s")
    daemon.reply("POST", HOTKEY, changed)
    ran = cli("action", "hotkey", "ask", "ctrl+alt+s")
    assert ran.code == 0
    assert "It was that of summarize." in ran.err


def test_what_is_no_hotkey_is_refused_before_it_is_sent(cli: Cli, daemon: FakeDaemon) -> None:
    assert cli("action", "hotkey", "summarize", "ctrl+nonsense").code == 2
    assert daemon.requests_to(HOTKEY) == []


def test_what_the_daemon_refuses_is_told(cli: Cli, daemon: FakeDaemon) -> None:
    error = ErrorInfo.of(BadHotkey("ask has that one already."))
    daemon.reply("POST", HOTKEY, ErrorReply(error=error), status=400)
    ran = cli("action", "hotkey", "summarize", "ctrl+alt+k")
    assert ran.code == 2
    assert "ask has that one already." in ran.err


def test_the_daemon_is_not_started_when_it_may_not_be(cli: Cli, daemon: FakeDaemon) -> None:
    daemon.close()
    assert cli("action", "list", "--no-start").code == 3
    assert replies.status().pid
