"""What a model thinks before it answers is shown to a person, and to nobody else."""

from __future__ import annotations

from fakes.command_line import Cli
from fakes.fake_daemon import FakeDaemon, chat_chunk
from fakes.terminal import Terminal

CHAT = "/v1/chat/completions"


def think(daemon: FakeDaemon) -> None:
    daemon.stream(
        "POST",
        CHAT,
        [
            chat_chunk({"reasoning_content": "Hm, \x1b[31m"}),
            chat_chunk({"reasoning_content": "a shelf?"}),
            chat_chunk({"content": "A shelf."}),
            chat_chunk({}, "stop"),
            "[DONE]",
        ],
    )


def test_thoughts_are_dimmed_above_the_answer(daemon: FakeDaemon) -> None:
    think(daemon)
    with Terminal("ask", "--plain", "What is a hob?") as terminal:
        assert terminal.wait() == 0
        assert "Hm, a shelf?\n\nA shelf.\n" in terminal.text
        assert "\x1b[2mHm, \x1b[0m\x1b[2ma shelf?\x1b[0m" in terminal.raw
        assert "\x1b[31m" not in terminal.raw


def test_thoughts_come_before_rendered_markdown_too(daemon: FakeDaemon) -> None:
    think(daemon)
    with Terminal("ask", "What is a hob?") as terminal:
        assert terminal.wait() == 0
        assert terminal.text.index("Hm, a shelf?") < terminal.text.index("A shelf.")


def test_thoughts_can_be_hidden(daemon: FakeDaemon) -> None:
    think(daemon)
    with Terminal("ask", "--plain", "--no-thoughts", "What is a hob?") as terminal:
        assert terminal.wait() == 0
        assert "a shelf?" not in terminal.text


def test_a_pipe_is_given_the_answer_without_the_thoughts(daemon: FakeDaemon, cli: Cli) -> None:
    think(daemon)
    assert cli("ask", "What is a hob?").out == "A shelf.\n"


def test_a_full_context_is_told(daemon: FakeDaemon, cli: Cli) -> None:
    end = chat_chunk({}, "length")
    end["choices"][0]["context_full"] = True
    daemon.stream("POST", CHAT, [chat_chunk({"content": "A"}), end, "[DONE]"])
    ran = cli("ask", "What is a hob?")
    assert (ran.code, ran.out) == (0, "A\n")
    assert "context is full" in ran.err
    assert "engine.context_length" in ran.err
