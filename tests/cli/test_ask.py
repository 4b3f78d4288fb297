from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from fakes import replies
from fakes.command_line import Cli
from fakes.fake_daemon import FakeDaemon, chat_chunk, chat_end
from hob.cli.prompt import decode_text
from hob.errors import InvalidRequest
from hob.wire.base import ErrorInfo, ErrorReply
from hob.wire.pulls import PullDone, PullProgress

CHAT = "/v1/chat/completions"


def asked_messages(daemon: FakeDaemon) -> list[dict[str, str]]:
    messages: list[dict[str, str]] = daemon.requests_to(CHAT)[-1].json["messages"]
    return messages


def test_words_are_asked_and_the_answer_is_printed(daemon: FakeDaemon, cli: Cli) -> None:
    daemon.chat("A hob is ", "a shelf.")
    ran = cli("ask", "What", "is", "a hob?")
    assert (ran.code, ran.out, ran.err) == (0, "A hob is a shelf.\n", "")
    assert asked_messages(daemon) == [{"role": "user", "content": "What is a hob?"}]


def test_what_is_piped_in_alone_is_the_question(daemon: FakeDaemon, cli: Cli) -> None:
    daemon.chat("4")
    cli("ask", stdin=b"2 + 2?\n")
    assert asked_messages(daemon) == [{"role": "user", "content": "2 + 2?\n"}]


def test_what_is_piped_in_comes_before_the_words_about_it(daemon: FakeDaemon, cli: Cli) -> None:
    daemon.chat("ok")
    cli("ask", "Review it", stdin="grüße".encode())
    assert asked_messages(daemon)[0]["content"] == "grüße\n\nReview it"


def test_files_are_named_and_come_in_order(daemon: FakeDaemon, cli: Cli, tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(f"text of {name}")
    daemon.chat("ok")
    cli("ask", "-f", f"{tmp_path}/a.txt", "--file", f"{tmp_path}/b.txt", "Compare")
    assert asked_messages(daemon)[0]["content"] == (
        "a.txt:\n\ntext of a.txt\n\nb.txt:\n\ntext of b.txt\n\nCompare"
    )


def test_options_reach_the_daemon(daemon: FakeDaemon, cli: Cli) -> None:
    daemon.chat("ok")
    options = ["-m", "tiny", "-s", "Be brief.", "--max-tokens", "5", "--temperature", "0"]
    assert cli("ask", *options, "--seed", "7", "hi").code == 0
    asked = daemon.requests_to(CHAT)[0].json
    assert asked["messages"][0] == {"role": "system", "content": "Be brief."}
    assert (asked["model"], asked["max_tokens"]) == ("tiny", 5)
    assert (asked["temperature"], asked["seed"]) == (0, 7)


def test_a_pipe_gets_the_models_text_as_it_is(daemon: FakeDaemon, cli: Cli) -> None:
    daemon.chat("# T\n\x1b[31mred", "\u202e\n")
    assert cli("ask", "hi").out == "# T\n\x1b[31mred\u202e\n"


def test_json_tells_the_answer_and_its_figures(daemon: FakeDaemon, cli: Cli) -> None:
    daemon.chat("a", "b")
    told = json.loads(cli("ask", "--json", "hi").out)
    assert (told["text"], told["model"], told["finish_reason"]) == ("ab", "tiny", "stop")
    assert told["usage"] == {"prompt_tokens": 12, "completion_tokens": 2, "cached_tokens": 5}
    assert told["tokens_per_second"] == 2.0


def test_verbose_tells_times_and_tokens_on_stderr(daemon: FakeDaemon, cli: Cli) -> None:
    daemon.chat("a", "b")
    ran = cli("ask", "-v", "hi")
    assert ran.out == "ab\n"
    assert "2 tokens at 2.0 tokens/s, prompt 12 tokens (5 cached), tiny" in ran.err


def test_an_answer_at_its_limit_is_not_cut_silently(daemon: FakeDaemon, cli: Cli) -> None:
    daemon.stream("POST", CHAT, [chat_chunk({"content": "a"}), chat_end(1, "length"), "[DONE]"])
    ran = cli("ask", "hi")
    assert ran.code == 0
    assert "--max-tokens" in ran.err


def test_a_broken_answer_keeps_its_text_and_ends_with_an_error(
    daemon: FakeDaemon, cli: Cli
) -> None:
    died = {"message": "The worker died.", "type": "t", "param": None, "code": "worker_died"}
    daemon.stream("POST", CHAT, [chat_chunk({"content": "half an"}), {"error": died}])
    ran = cli("ask", "hi")
    assert (ran.code, ran.out, ran.err) == (5, "half an\n", "hob: The worker died.\n")


def test_nothing_to_ask_is_a_wrong_command_line(daemon: FakeDaemon, cli: Cli) -> None:
    ran = cli("ask", stdin=b" \n")
    assert ran.code == 2
    assert "nothing to ask" in ran.err
    assert daemon.asked == []


def test_a_missing_file_is_one_sentence(daemon: FakeDaemon, cli: Cli) -> None:
    ran = cli("ask", "-f", "/no/such/file", "hi")
    assert ran.code == 2
    assert ran.err.startswith("hob: The file /no/such/file cannot be read")
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize("data", [b"a\x00b", b"\xff\xd8\xff\xe0", b"caf\xe9"])
def test_what_is_no_text_is_refused_before_it_is_sent(
    daemon: FakeDaemon, cli: Cli, data: bytes
) -> None:
    ran = cli("ask", "What is this?", stdin=data)
    assert ran.code == 2
    assert "not text" in ran.err
    assert daemon.asked == []


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("é".encode(), "é"),
        ("\ufeffé".encode(), "é"),
        ("\ufeffé".encode("utf-16-le"), "é"),
        ("\ufeffé".encode("utf-16-be"), "é"),
        (b"", ""),
    ],
)
def test_text_is_read_with_the_marks_that_windows_leaves(data: bytes, text: str) -> None:
    assert decode_text(data, "It") == text


def test_half_a_character_of_utf_16_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        decode_text(b"\xff\xfea", "It")


def test_without_a_daemon_and_with_no_start_the_answer_is_how_to_start(cli: Cli) -> None:
    ran = cli("ask", "--no-start", "hi")
    assert (ran.code, ran.err) == (3, "hob: Hob is not running. Start it with `hob up`.\n")


def test_the_setting_autostart_is_obeyed(
    cli: Cli, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOB_CLI_AUTOSTART", "false")
    assert cli("ask", "hi").code == 3
    assert not (home / "run").exists()


def test_without_any_model_the_way_to_one_is_told(daemon: FakeDaemon, cli: Cli) -> None:
    error = ErrorInfo(code="no_models", message="There is no model.")
    daemon.reply("POST", CHAT, ErrorReply(error=error), status=503)
    ran = cli("ask", "hi")
    assert ran.code == 4
    assert "hob models pull starter" in ran.err


def test_a_download_in_a_pipe_tells_its_stages_once(daemon: FakeDaemon, cli: Cli) -> None:
    events: list[object] = [
        PullProgress(stage="download", done_bytes=done, total_bytes=10) for done in range(10)
    ]
    events += [PullProgress(stage="verify"), PullDone(model=replies.model_info())]
    daemon.stream("POST", "/hob/v1/models/pull", events)
    ran = cli("models", "pull", "starter")
    assert ran.code == 0
    assert ran.err.splitlines()[:2] == ["hob: download ...", "hob: verify ..."]
    assert "tiny is ready to use" in ran.err


def test_an_error_of_the_daemon_cannot_command_the_terminal(daemon: FakeDaemon, cli: Cli) -> None:
    error = ErrorInfo(code="model_not_found", message="No \x1b]0;title\x07model.")
    daemon.reply("POST", CHAT, ErrorReply(error=error), status=404)
    ran = cli("ask", "-m", "x", "hi")
    assert (ran.code, ran.err) == (4, "hob: No model.\n")


def run_hob(*args: str, stdin: int | None) -> subprocess.CompletedProcess[str]:
    """The command as a process of its own; `stdin` None starts it without one."""
    command = [sys.executable, "-m", "hob", *args]
    if stdin is None:
        command = ["sh", "-c", 'exec "$@" <&-', "sh", *command]
    return subprocess.run(
        command, stdin=stdin, capture_output=True, text=True, timeout=30, check=False
    )


@pytest.mark.skipif(sys.platform == "win32", reason="a stdin that is a socket")
def test_words_do_not_wait_for_a_stdin_that_nobody_writes_to(daemon: FakeDaemon) -> None:
    daemon.chat("ok")
    ours, its = socket.socketpair()
    with ours, its:
        ran = run_hob("ask", "hi", stdin=its.fileno())
    assert (ran.returncode, ran.stdout) == (0, "ok\n")
    assert "Nothing came in on stdin" in ran.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="a stdin that is a socket")
def test_a_socket_that_is_written_to_is_read_like_a_pipe(daemon: FakeDaemon) -> None:
    daemon.chat("ok")
    ours, its = socket.socketpair()
    with ours, its:
        ours.sendall(b"a text")
        ours.shutdown(socket.SHUT_WR)
        ran = run_hob("ask", "Review it", stdin=its.fileno())
    assert (ran.returncode, ran.stderr) == (0, "")
    assert asked_messages(daemon)[0]["content"] == "a text\n\nReview it"


def test_a_slow_pipe_is_waited_for_and_not_in_silence(daemon: FakeDaemon) -> None:
    daemon.chat("ok")
    command = [sys.executable, "-m", "hob", "ask", "Review it"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as ran:
        assert ran.stdin
        assert ran.stderr
        assert b"< /dev/null" in ran.stderr.readline()
        ran.stdin.write(b"a text")
        ran.stdin.close()
        assert ran.wait(timeout=30) == 0
    assert asked_messages(daemon)[0]["content"] == "a text\n\nReview it"


@pytest.mark.skipif(sys.platform == "win32", reason="a shell that closes stdin")
@pytest.mark.parametrize(("args", "out"), [(("ask", "hi"), "ok\n"), (("chat",), "")])
def test_a_command_without_a_stdin_reads_nothing(
    daemon: FakeDaemon, args: tuple[str, ...], out: str
) -> None:
    daemon.chat("ok")
    ran = run_hob(*args, stdin=None)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, out, "")


@pytest.mark.skipif(sys.platform == "win32", reason="/dev/zero")
@pytest.mark.parametrize("args", [(), ("-f", "/dev/zero", "What is this?")])
def test_what_never_ends_is_refused_and_not_held_in_memory(
    daemon: FakeDaemon, cli: Cli, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...]
) -> None:
    monkeypatch.setattr("hob.cli.prompt._MOST_BYTES", 2**20)
    ran = cli("ask", *args, stdin=b"a" * (2**20 + 1))
    assert ran.code == 2
    assert "larger than 1 MiB" in ran.err
    assert daemon.requests_to(CHAT) == []
