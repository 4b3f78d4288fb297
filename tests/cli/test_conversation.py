from __future__ import annotations

from pathlib import Path

import pytest

from fakes.command_line import Cli
from fakes.fake_daemon import FakeDaemon
from hob.cli.conversation import Conversation, is_command, obey
from hob.errors import InvalidRequest
from hob.wire.base import ErrorInfo, ErrorReply

CHAT = "/v1/chat/completions"


def talked() -> Conversation:
    conversation = Conversation(system="Be brief.")
    conversation.answered("Hello?", "Hello.")
    return conversation


def test_a_question_is_sent_with_all_that_was_said() -> None:
    sent = talked().asking("And?")
    assert [message.role for message in sent] == ["system", "user", "assistant", "user"]
    assert sent[-1].content == "And?"


def test_asking_alone_keeps_nothing() -> None:
    conversation = talked()
    conversation.asking("And?")
    assert len(conversation.messages) == 2


def test_clear_forgets_what_was_said_but_not_the_system_text() -> None:
    conversation = talked()
    assert obey(conversation, "/clear", str)
    assert [message.role for message in conversation.asking("x")] == ["system", "user"]


def test_model_and_system_are_told_and_changed() -> None:
    conversation = talked()
    assert obey(conversation, "/model", str) == "Asking the model that is kept warm."
    assert obey(conversation, "/model  ti ", {"ti": "tiny"}.__getitem__) == "Asking tiny."
    assert conversation.model == "tiny"
    assert obey(conversation, "/system", str) == "System: Be brief."
    assert obey(conversation, "/system Be kind.", str) == "System: Be kind."
    assert conversation.asking("x")[0].content == "Be kind."


def test_save_writes_the_conversation(tmp_path: Path) -> None:
    path = tmp_path / "talk.md"
    assert obey(talked(), f"/save {path}", str) == f"Saved 2 messages to {path}."
    assert path.read_text() == "> Be brief.\n\n## User\n\nHello?\n\n## Assistant\n\nHello.\n"


@pytest.mark.parametrize("line", ["/save", "/save /no/such/folder/file", "/nonsense"])
def test_what_cannot_be_done_is_told(line: str) -> None:
    with pytest.raises(InvalidRequest):
        obey(talked(), line, str)


def test_quit_leaves() -> None:
    assert obey(talked(), "/quit", str) is None


def test_help_names_every_command() -> None:
    told = obey(talked(), "/help", str)
    assert told
    for command in ("/model", "/system", "/clear", "/save", "/help", "/quit"):
        assert command in told


@pytest.mark.parametrize(
    ("line", "command"),
    [("/quit", True), ("/model x", True), ("/etc/hosts is what?", False), ("a /b", False),
     ("/", False), ("//", False), ("", False)],
)  # fmt: skip
def test_a_path_is_no_command(line: str, command: bool) -> None:
    assert is_command(line) is command


def test_lines_of_a_pipe_are_messages_of_one_talk(daemon: FakeDaemon, cli: Cli) -> None:
    daemon.chat("ok")
    ran = cli("chat", "-s", "Be brief.", stdin=b"one\n\ntwo\n/quit\nnever\n")
    assert (ran.code, ran.out) == (0, "ok\nok\n")
    sent = [asked.json["messages"] for asked in daemon.requests_to(CHAT)]
    assert [message["content"] for message in sent[1]] == ["Be brief.", "one", "ok", "two"]


def test_a_failure_ends_a_talk_over_a_pipe(daemon: FakeDaemon, cli: Cli) -> None:
    ran = cli("chat", stdin=b"/nonsense\nnever\n")
    assert ran.code == 2
    assert daemon.requests_to(CHAT) == []


def test_a_line_that_is_not_text_is_said_in_a_sentence(daemon: FakeDaemon, cli: Cli) -> None:
    ran = cli("chat", stdin=b"gr\xfc\xdfe\n")
    assert ran.code == 2
    assert "is not text" in ran.err
    assert daemon.requests_to(CHAT) == []


def test_a_model_that_is_not_there_is_told_at_once(daemon: FakeDaemon, cli: Cli) -> None:
    error = ErrorInfo(code="model_not_found", message="There is no model named 'nope'.")
    daemon.reply("GET", "/hob/v1/models/nope", ErrorReply(error=error), status=404)
    ran = cli("chat", stdin=b"/model nope\nhi\n")
    assert (ran.code, ran.out, ran.err) == (4, "", "hob: There is no model named 'nope'.\n")
    assert daemon.requests_to(CHAT) == []
