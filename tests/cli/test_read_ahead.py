"""Reading ahead while the person types: one reading at a time, ended by the question, silent."""

from __future__ import annotations

import threading

from fakes.command_line import Cli
from fakes.fake_daemon import Connection, FakeDaemon
from fakes.terminal import Terminal
from hob.client import Client
from hob.client.read_ahead import ReadAhead
from hob.wire.generate import ChatMessage

PREFILL = "/hob/v1/prefill"
CHAT = "/v1/chat/completions"
TYPING = "\x1b[?2004h"
SAID = [ChatMessage(role="user", content="hi"), ChatMessage(role="assistant", content="Hello.")]


class Gate:
    """A prefill that goes on until the client leaves."""

    def __init__(self, daemon: FakeDaemon) -> None:
        self.begun = threading.Semaphore(0)
        daemon.script("POST", PREFILL, self)

    def __call__(self, connection: Connection) -> None:
        self.begun.release()
        connection.wait_until_left()


def test_what_was_said_is_read_once_until_a_question_comes(daemon: FakeDaemon) -> None:
    gate, ahead = Gate(daemon), ReadAhead(Client(daemon.socket_path))
    ahead.begin(SAID, "tiny")
    ahead.begin(SAID, "tiny")
    assert gate.begun.acquire(timeout=20)
    assert not daemon.left.is_set()
    ahead.stop()
    assert daemon.left.wait(20)
    [asked] = daemon.requests_to(PREFILL)
    assert asked.json == {
        "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": "Hello."},
        ],
        "model": "tiny",
        "priority": "background",
    }


def test_another_conversation_takes_the_place_of_the_first(daemon: FakeDaemon) -> None:
    gate, ahead = Gate(daemon), ReadAhead(Client(daemon.socket_path))
    ahead.begin(SAID, "")
    assert gate.begun.acquire(timeout=20)
    ahead.begin(SAID[:1], "")
    assert daemon.left.wait(20)
    assert gate.begun.acquire(timeout=20)
    ahead.stop()


def test_nothing_is_read_of_an_empty_conversation(daemon: FakeDaemon) -> None:
    ahead = ReadAhead(Client(daemon.socket_path))
    ahead.begin([], "")
    ahead.stop()
    assert not daemon.asked


def test_chat_reads_ahead_while_the_person_types(daemon: FakeDaemon) -> None:
    gate = Gate(daemon)
    daemon.chat("First answer.")
    with Terminal("chat", "--plain") as terminal:
        terminal.read_until(TYPING)
        terminal.press("one\r")
        terminal.read_until("First answer.\n")
        terminal.read_until(TYPING, times=2)
        assert gate.begun.acquire(timeout=20)
        daemon.chat("Second answer.")
        terminal.press("two\r")
        terminal.read_until("Second answer.\n")
        assert daemon.left.wait(20)
        terminal.read_until(TYPING, times=3)
        terminal.press("/quit\r")
        assert terminal.wait() == 0
    first = daemon.requests_to(PREFILL)[0]
    assert [message["content"] for message in first.json["messages"]] == ["one", "First answer."]
    assert daemon.requests_to(CHAT)[0].headers["x-hob-priority"] == "interactive"


def test_a_reading_that_fails_is_not_told(daemon: FakeDaemon) -> None:
    daemon.chat("First answer.")
    with Terminal("chat", "--plain") as terminal:
        terminal.read_until(TYPING)
        terminal.press("one\r")
        terminal.read_until(TYPING, times=2)
        terminal.press("two\r")
        terminal.read_until(TYPING, times=3)
        terminal.press("/quit\r")
        assert terminal.wait() == 0
        assert "hob:" not in terminal.text
        assert "route" not in terminal.text
    assert daemon.requests_to(PREFILL)


def test_a_pipe_has_nothing_to_read_ahead_for(daemon: FakeDaemon, cli: Cli) -> None:
    daemon.chat("Yes.")
    assert cli("chat", stdin=b"one\ntwo\n").code == 0
    assert not daemon.requests_to(PREFILL)
