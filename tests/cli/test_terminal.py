"""What a person at a terminal sees."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from fakes import replies
from fakes.fake_daemon import Connection, FakeDaemon, chat_chunk, chat_end, sse
from fakes.terminal import ROWS, Terminal
from hob.wire.base import ErrorInfo, ErrorReply
from hob.wire.events import ModelLoading
from hob.wire.pulls import PullDone, PullProgress

CHAT = "/v1/chat/completions"
# Bracketed paste is switched on when a line editor begins to listen.
TYPING = "\x1b[?2004h"
HOSTILE = (
    "\x1b]52;c;cm0gLXJmIC8=\x07\x1b]0;title\x07\x9b31mvisible\x1b[2J\x1b[6n\u202e\b\x07 &#x202e;end"
)


def stay(connection: Connection) -> None:
    connection.wait_until_left()


@pytest.mark.parametrize("options", [[], ["--plain"]])
def test_control_characters_of_an_answer_never_reach_the_terminal(
    daemon: FakeDaemon, options: list[str]
) -> None:
    daemon.chat(*HOSTILE)
    with Terminal("ask", *options, "hi") as terminal:
        assert terminal.wait() == 0
        assert "visible" in terminal.text
        for sequence in ("\x1b]", "\x07", "\x9b", "\x1b[2J", "\x1b[6n", "\u202e", "\b"):
            assert sequence not in terminal.raw


def test_a_terminal_without_abilities_is_sent_plain_text(daemon: FakeDaemon) -> None:
    daemon.chat("**bold** ", HOSTILE)
    with Terminal("ask", "hi", environ={"TERM": "dumb"}) as terminal:
        assert terminal.wait() == 0
        assert "\x1b" not in terminal.raw
        assert "**bold** visible" in terminal.text


def test_markdown_is_rendered_while_it_comes(daemon: FakeDaemon) -> None:
    go_on = threading.Event()

    def then(connection: Connection) -> None:
        go_on.wait(20)
        for event in (chat_chunk({"content": " end\n\n- item\n"}), chat_end(3), "[DONE]"):
            connection.chunk(sse(event))
        connection.chunk(b"")

    daemon.chat("Some **bold** text", end=False, then=then)
    with Terminal("ask", "hi") as terminal:
        terminal.read_until("Some bold text")
        go_on.set()
        assert terminal.wait() == 0
        assert "**" not in terminal.text
        assert " • item" in terminal.text


def test_a_block_longer_than_the_screen_is_shown_once_and_whole(daemon: FakeDaemon) -> None:
    lines = [f"line_{number}\n" for number in range(4 * ROWS)]
    daemon.chat("```\n", *lines, "```\n", "\nAfter it.\n")
    with Terminal("ask", "hi") as terminal:
        assert terminal.wait() == 0
        # Going up further than the screen is high would draw over what has scrolled away.
        for jump in re.findall(r"(?:\x1b\[1A\x1b\[2K)+", terminal.raw):
            assert jump.count("\x1b[1A") < ROWS
        after_last_erasure = terminal.raw[terminal.raw.rindex("line_0") :]
        for line in lines:
            assert line.strip() in after_last_erasure
        assert "After it." in after_last_erasure


@pytest.mark.parametrize("options", [[], ["--plain"]])
def test_ctrl_c_stops_the_answer_and_keeps_what_was_said(
    daemon: FakeDaemon, options: list[str]
) -> None:
    daemon.chat("The beginning", end=False, then=stay)
    with Terminal("ask", *options, "hi") as terminal:
        terminal.read_until("The beginning")
        terminal.press("\x03")
        assert terminal.wait() == 130
        assert daemon.left.wait(20)
        assert "The beginning" in terminal.text
        assert "Traceback" not in terminal.text
        assert terminal.text.endswith("\n")


def test_ctrl_c_before_the_first_token_takes_the_question_back(daemon: FakeDaemon) -> None:
    asked = threading.Event()

    def read_for_long(connection: Connection) -> None:
        asked.set()
        connection.wait_until_left()

    daemon.script("POST", CHAT, read_for_long)
    with Terminal("ask", "hi") as terminal:
        assert asked.wait(20)
        terminal.press("\x03")
        assert terminal.wait() == 130
        assert daemon.left.wait(20)


def test_loading_the_model_is_shown_and_taken_away(daemon: FakeDaemon) -> None:
    shown = threading.Event()
    loading = replies.worker(state="starting", warm_since=None, load_fraction=0.1, loaded=None)
    daemon.reply("GET", "/hob/v1/status", replies.status(workers=(loading,)))
    daemon.stream(
        "GET", "/hob/v1/events", [ModelLoading(at=1.0, model="tiny", fraction=0.42)], then=stay
    )
    daemon.chat("Now.")
    answer = daemon.routes["POST", CHAT]

    def load_first(connection: Connection) -> None:
        shown.wait(20)
        answer(connection)

    daemon.script("POST", CHAT, load_first)
    with Terminal("ask", "--plain", "hi") as terminal:
        terminal.read_until("Loading tiny")
        terminal.read_until("42%")
        shown.set()
        assert terminal.wait() == 0
        assert terminal.raw.endswith("\r\x1b[KNow.\r\n")


def test_without_a_model_the_starter_is_offered_fetched_and_asked(daemon: FakeDaemon) -> None:
    none = ErrorReply(error=ErrorInfo(code="no_models", message="There is no model."))
    daemon.reply("POST", CHAT, none, status=503)
    progress = PullProgress(stage="download", done_bytes=49_000_000, total_bytes=98_000_000)
    go_on = threading.Event()

    def finish(connection: Connection) -> None:
        go_on.wait(20)
        daemon.chat("Here I am.")
        connection.chunk(sse(PullDone(model=replies.model_info())))
        connection.chunk(b"")

    daemon.stream("POST", "/hob/v1/models/pull", [progress], then=finish)
    with Terminal("ask", "--plain", "hi") as terminal:
        terminal.read_until("[Y/n]")
        terminal.press("\r")
        terminal.read_until("download 49.0 MB of 98.0 MB  [##########..........]  50%")
        go_on.set()
        assert terminal.wait() == 0
        assert "tiny is ready to use" in terminal.text
        assert "Here I am." in terminal.text


def test_who_declines_the_starter_is_told_the_other_ways(daemon: FakeDaemon) -> None:
    none = ErrorReply(error=ErrorInfo(code="no_models", message="There is no model."))
    daemon.reply("POST", CHAT, none, status=503)
    with Terminal("ask", "hi") as terminal:
        terminal.read_until("[Y/n]")
        terminal.press("n\r")
        assert terminal.wait() == 4
        assert "hob models pull starter" in terminal.text
    assert daemon.requests_to("/hob/v1/models/pull") == []


def test_a_reader_that_leaves_early_is_no_error(daemon: FakeDaemon) -> None:
    reader_left = threading.Event()

    def go_on_talking(connection: Connection) -> None:
        reader_left.wait(20)
        while True:
            connection.chunk(sse(chat_chunk({"content": "more\n"})))

    daemon.chat("first\n", end=False, then=go_on_talking)
    ran = subprocess.Popen(
        [sys.executable, "-m", "hob", "ask", "hi"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert ran.stdout
    assert ran.stderr
    assert ran.stdout.readline() == b"first\n"
    ran.stdout.close()
    reader_left.set()
    with ran.stderr:
        assert ran.stderr.read() == b""
    assert ran.wait(timeout=30) == 141
    assert daemon.left.wait(20)


def test_chat_answers_forgets_and_leaves(daemon: FakeDaemon, home: Path) -> None:
    daemon.chat("First answer.")
    with Terminal("chat", "--plain") as terminal:
        terminal.read_until(TYPING)
        terminal.press("one\r")
        terminal.read_until("First answer.\n")
        terminal.read_until(TYPING, times=2)
        daemon.chat("Second answer.")
        terminal.press("two \\\rlines\r")
        terminal.read_until("Second answer.\n")
        terminal.read_until(TYPING, times=3)
        terminal.press("/clear\r")
        terminal.read_until("begins anew")
        terminal.read_until(TYPING, times=4)
        daemon.chat("Third answer.")
        terminal.press("three\x1b\rmore\r")
        terminal.read_until("Third answer.\n")
        terminal.read_until(TYPING, times=5)
        terminal.press("\x04")
        assert terminal.wait() == 0
    sent = [asked.json["messages"] for asked in daemon.requests_to(CHAT)]
    assert [message["content"] for message in sent[1]] == ["one", "First answer.", "two \nlines"]
    assert [message["content"] for message in sent[2]] == ["three\nmore"]
    history = home / "state" / "history"
    assert "one" in history.read_text()
    assert history.stat().st_mode & 0o077 == 0


def test_ctrl_c_in_chat_stops_the_answer_and_the_talk_goes_on(daemon: FakeDaemon) -> None:
    daemon.chat("A long", end=False, then=stay)
    with Terminal("chat", "--plain") as terminal:
        terminal.read_until(TYPING)
        terminal.press("go\r")
        terminal.read_until("A long")
        terminal.press("\x03")
        terminal.read_until("(stopped)")
        terminal.read_until(TYPING, times=2)
        assert daemon.left.wait(20)
        daemon.chat("Short.")
        terminal.press("again\r")
        terminal.read_until("Short.\n")
        terminal.read_until(TYPING, times=3)
        terminal.press("/quit\r")
        assert terminal.wait() == 0
    contents = [message["content"] for message in daemon.requests_to(CHAT)[1].json["messages"]]
    assert contents == ["go", "A long", "again"]


def test_an_error_in_chat_is_told_and_the_talk_goes_on(daemon: FakeDaemon) -> None:
    died = {"message": "The worker died.", "type": "t", "param": None, "code": "worker_died"}
    daemon.stream("POST", CHAT, [{"error": died}])
    with Terminal("chat", "--plain") as terminal:
        terminal.read_until(TYPING)
        terminal.press("go\r")
        terminal.read_until("hob: The worker died.")
        terminal.read_until(TYPING, times=2)
        terminal.press("/quit\r")
        assert terminal.wait() == 0
