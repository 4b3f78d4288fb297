"""`hob ask --tools`, and /tools in `hob chat`: what plugins offer the model."""

from __future__ import annotations

import json

import pytest

from fakes.command_line import Cli
from fakes.fake_daemon import FakeDaemon, chat_chunk, chat_end
from fakes.terminal import Terminal
from hob.wire.base import ErrorInfo, ErrorReply

CHAT = "/v1/chat/completions"
CALLED = {"id": "1", "name": "weather", "arguments": '{"city": "Rome\x1b[2J"}'}


def answer_with_a_tool(daemon: FakeDaemon, *, failed: bool = False) -> None:
    result = CALLED | {"result": "Error: \x1b]0;no\x07 wind vane" if failed else "sun"}
    daemon.stream(
        "POST",
        CHAT,
        [
            chat_chunk({"content": "Let me *see*."}),
            chat_chunk({"hob_tool": CALLED}),
            chat_chunk({"hob_tool": result | ({"failed": True} if failed else {})}),
            chat_chunk({"content": "\n\nIt is **sunny**."}),
            chat_end(2),
            "[DONE]",
        ],
    )


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        (["--tools"], "all"),
        (["--tool", "weather", "--tool", "time"], ["weather", "time"]),
        ([], None),
    ],
)
def test_the_model_may_call_what_the_command_line_names(
    cli: Cli, daemon: FakeDaemon, options: list[str], sent: object
) -> None:
    answer_with_a_tool(daemon)
    ran = cli("ask", *options, "Rain?")
    assert (ran.code, ran.out) == (0, "Let me *see*.\n\nIt is **sunny**.\n")
    [asked] = daemon.requests_to(CHAT)
    assert asked.json.get("hob_tools") == sent


def test_json_holds_the_tools_that_were_called(cli: Cli, daemon: FakeDaemon) -> None:
    answer_with_a_tool(daemon)
    answer = json.loads(cli("ask", "--json", "--tools", "Rain?").out)
    assert answer["tools"] == [CALLED | {"result": "sun"}]


def test_a_tool_that_there_is_not_ends_with_its_exit_code(cli: Cli, daemon: FakeDaemon) -> None:
    error = ErrorInfo(code="tool_not_found", message="There is no tool 'wether'.")
    daemon.reply("POST", CHAT, ErrorReply(error=error), status=404)
    ran = cli("ask", "--tool", "wether", "Rain?")
    assert ran.code == 2
    assert "no tool 'wether'" in ran.err


@pytest.mark.parametrize("options", [[], ["--plain"]])
def test_a_person_sees_what_is_called_and_what_fails(
    daemon: FakeDaemon, options: list[str]
) -> None:
    answer_with_a_tool(daemon, failed=True)
    with Terminal("ask", *options, "--tools", "Rain?") as terminal:
        assert terminal.wait() == 0
        shown = terminal.text
        assert "Calling weather {" in shown
        assert "weather failed. Error: wind vane" in shown
        assert "\x1b[2J" not in terminal.raw
        assert "\x1b]0" not in terminal.raw
        assert shown.index("Let me") < shown.index("Calling") < shown.index("sunny")


def test_a_conversation_is_told_which_tools_the_model_may_call(
    cli: Cli, daemon: FakeDaemon
) -> None:
    daemon.chat("Yes.")
    lines = "/tools\none\n/tools weather, time\ntwo\n/tools all\nthree\n/tools none\nfour\n"
    ran = cli("chat", stdin=lines.encode())
    assert ran.code == 0
    sent = [asked.json.get("hob_tools") for asked in daemon.requests_to(CHAT)]
    assert sent == [None, ["weather", "time"], "all", None]
    assert "The model may call weather, time.\n" in ran.out
