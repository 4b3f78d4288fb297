from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fakes import replies
from fakes.fake_daemon import Connection, FakeDaemon, chat_chunk
from hob.client import Client
from hob.client.interrupt import Interrupt
from hob.errors import (
    BodyTooLarge,
    ContextOverflow,
    DaemonUnreachable,
    DiskFull,
    ForbiddenPeer,
    HobError,
    ModelNotFound,
    NotRunning,
    ShuttingDown,
    WorkerDied,
    error_classes,
)
from hob.wire.base import ErrorInfo, ErrorReply
from hob.wire.events import DaemonReady, ModelLoading
from hob.wire.generate import ChatMessage
from hob.wire.models import ModelEntry
from hob.wire.pulls import PullDone, PullFailed, PullProgress
from hob.wire.status import TokenReply
from hob.wire.text import PrefillReply

HELLO = [ChatMessage(role="user", content="hello")]
CHAT = "/v1/chat/completions"


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[FakeDaemon]:
    with FakeDaemon(tmp_path / "hob.sock") as fake:
        yield fake
    assert not fake.problems


@pytest.fixture
def client(daemon: FakeDaemon) -> Client:
    return Client(daemon.socket_path, timeout=5)


def hang_up(connection: Connection) -> None:
    """End the connection without the end of the body."""


def test_status_comes_as_a_value(daemon: FakeDaemon, client: Client) -> None:
    daemon.reply("GET", "/hob/v1/status", replies.status())
    assert client.status() == replies.status()


def test_models_are_listed_and_the_folder_is_read_again_when_asked(
    daemon: FakeDaemon, client: Client
) -> None:
    daemon.reply("GET", "/hob/v1/models", replies.model_list())
    daemon.reply("GET", "/hob/v1/models?rescan=1", replies.model_list())
    assert client.models() == client.models(rescan=True) == replies.model_list()


def test_a_model_name_cannot_leave_its_place_in_the_address(
    daemon: FakeDaemon, client: Client
) -> None:
    entry = ModelEntry(info=replies.model_info(), state="warm", chosen=True)
    daemon.reply("GET", "/hob/v1/models/a%2Fb%20%3F%0D%0Ac%C3%A9", entry)
    assert client.model("a/b ?\r\ncé") == entry


@pytest.mark.parametrize("action", ["load", "use"])
def test_load_and_use_name_the_model_and_return_its_worker(
    daemon: FakeDaemon, client: Client, action: str
) -> None:
    daemon.reply("POST", f"/hob/v1/models/{action}", replies.worker())
    assert getattr(client, action)("tiny") == replies.worker()
    assert daemon.asked[0].json == {"model": "tiny"}
    assert daemon.asked[0].headers["content-type"] == "application/json"


def test_the_api_can_be_opened_and_its_token_read_and_renewed(
    daemon: FakeDaemon, client: Client
) -> None:
    on = replies.api_status("http://127.0.0.1:4662")
    secret = TokenReply(token="t", where="file", address="")
    daemon.reply("POST", "/hob/v1/api", on)
    daemon.reply("GET", "/hob/v1/api", on)
    daemon.reply("GET", "/hob/v1/token", secret)
    daemon.reply("POST", "/hob/v1/token/rotate", secret)
    assert client.api_set(enabled=True, port=5000) == client.api_status() == on
    assert daemon.asked[0].json == {"enabled": True, "port": 5000, "allow_file": False}
    assert client.token() == client.token(rotate=True) == secret


def test_an_answer_streams_and_then_tells_its_figures(daemon: FakeDaemon, client: Client) -> None:
    daemon.chat("Hel", "lo", " 🦉")
    with client.chat(HELLO, model="tiny", max_tokens=9, temperature=None) as stream:
        assert list(stream) == ["Hel", "lo", " 🦉"]
    assert (stream.model, stream.finish_reason) == ("tiny", "stop")
    assert stream.usage
    assert (stream.usage.prompt_tokens, stream.usage.completion_tokens) == (12, 3)
    assert stream.usage.cached_tokens == 5
    assert stream.timings
    assert stream.timings.decode_s == 0.5
    asked = daemon.asked[0]
    assert asked.headers["x-hob-priority"] == "interactive"
    assert asked.json == {
        "model": "tiny",
        "messages": [{"role": "user", "content": "hello"}],
        "max_tokens": 9,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_without_a_model_the_chosen_one_is_asked(daemon: FakeDaemon, client: Client) -> None:
    daemon.chat("hi")
    assert list(client.chat(HELLO)) == ["hi"]
    assert "model" not in daemon.asked[0].json


def test_pieces_arrive_before_the_answer_is_complete(daemon: FakeDaemon, client: Client) -> None:
    go_on = threading.Event()

    def then(connection: Connection) -> None:
        go_on.wait(20)
        connection.chunk(b'data: {"choices":[{"delta":{"content":"second"}}]}\n\n')
        connection.chunk(b"data: [DONE]\n\n")
        connection.chunk(b"")

    daemon.chat("first", end=False, then=then)
    stream = client.chat(HELLO)
    assert next(stream) == "first"
    go_on.set()
    assert list(stream) == ["second"]


@pytest.mark.parametrize("cut", [0, 1, 2, 3])
def test_an_answer_that_breaks_off_is_an_error_wherever_it_does(
    daemon: FakeDaemon, client: Client, cut: int
) -> None:
    daemon.chat(*["word "] * cut, end=False, then=hang_up)
    stream = client.chat(HELLO)
    assert [next(stream) for _ in range(cut)] == ["word "] * cut
    with pytest.raises(DaemonUnreachable, match="ended the connection"):
        next(stream)


def test_an_answer_that_ends_well_but_without_done_is_an_error(
    daemon: FakeDaemon, client: Client
) -> None:
    daemon.chat("half", end=False)
    stream = client.chat(HELLO)
    assert next(stream) == "half"
    with pytest.raises(DaemonUnreachable, match="broke off"):
        next(stream)


def test_an_answer_that_ends_inside_a_chunk_is_an_error(daemon: FakeDaemon, client: Client) -> None:
    daemon.chat("half", end=False, then=lambda connection: connection.raw(b"40\r\ndata: {"))
    with pytest.raises(DaemonUnreachable):
        list(client.chat(HELLO))


def test_an_error_within_the_stream_is_raised_as_its_own_class(
    daemon: FakeDaemon, client: Client
) -> None:
    died = {"error": {"message": "It died.", "type": "x", "param": None, "code": "worker_died"}}
    daemon.stream("POST", CHAT, [chat_chunk({"content": "a"}), died])
    stream = client.chat(HELLO)
    assert next(stream) == "a"
    with pytest.raises(WorkerDied, match="It died"):
        next(stream)
    assert list(stream) == []


@pytest.mark.parametrize("code", sorted(error_classes()))
def test_every_error_comes_back_as_the_class_it_was(
    daemon: FakeDaemon, client: Client, code: str
) -> None:
    error = ErrorInfo(code=code, message="So it is.", hint="Do this.", param="x", details={"n": 3})
    daemon.reply("GET", "/hob/v1/status", ErrorReply(error=error), status=503)
    with pytest.raises(HobError) as caught:
        client.status()
    assert type(caught.value) is error_classes()[code]
    assert ErrorInfo.of(caught.value) == error


def test_an_openai_error_keeps_its_code_and_counts(daemon: FakeDaemon, client: Client) -> None:
    details = {"prompt_tokens": 9000, "context_length": 4096}
    body = {"message": "Too long.", "type": "t", "param": None, "code": "context_length_exceeded"}
    daemon.reply("POST", CHAT, {"error": body | {"details": details}}, status=400)
    with pytest.raises(ContextOverflow) as caught:
        client.chat(HELLO)
    assert caught.value.details == details


def test_a_code_of_a_newer_daemon_is_still_a_hob_error(daemon: FakeDaemon, client: Client) -> None:
    daemon.reply("GET", "/hob/v1/status", {"error": {"code": "new", "message": "News."}}, 500)
    with pytest.raises(HobError, match="News"):
        client.status()


@pytest.mark.parametrize("body", [b"<html>", b"", b"[]", b'{"error": 3}', b"\xff\xfe"])
@pytest.mark.parametrize("status", [200, 500])
def test_a_reply_in_another_shape_is_unreachable_not_a_crash(
    daemon: FakeDaemon, client: Client, body: bytes, status: int
) -> None:
    def answer(connection: Connection) -> None:
        connection.head(status, Content_Length=str(len(body)))
        connection.raw(body)

    daemon.script("GET", "/hob/v1/status", answer)
    with pytest.raises(DaemonUnreachable, match="version"):
        client.status()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5,
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"X%d: y\r\n" % n for n in range(500)) + b"\r\n",
        b"A" * 200_000,
    ],
)
def test_what_is_not_a_whole_http_answer_is_unreachable(
    daemon: FakeDaemon, client: Client, answer: bytes
) -> None:
    def speak(connection: Connection) -> None:
        connection.raw(answer)

    daemon.script("GET", "/hob/v1/status", speak)
    with pytest.raises(DaemonUnreachable):
        client.status()


def test_a_refusal_before_the_body_was_read_is_still_understood(tmp_path: Path) -> None:
    body = b'{"error": {"message": "Too big.", "code": "body_too_large"}}'
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "hob.sock"))
    listener.listen(1)

    def refuse() -> None:
        connection, _ = listener.accept()
        connection.recv(1000)
        connection.shutdown(socket.SHUT_RD)
        head = f"HTTP/1.1 413 Too Large\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        connection.close()

    thread = threading.Thread(target=refuse)
    thread.start()
    with pytest.raises(BodyTooLarge, match="Too big"):
        Client(tmp_path / "hob.sock").chat([ChatMessage(role="user", content="x" * 4_000_000)])
    thread.join(20)
    listener.close()


def test_a_daemon_that_says_nothing_is_given_up_after_the_timeout(daemon: FakeDaemon) -> None:
    daemon.script("GET", "/hob/v1/status", lambda connection: connection.wait_until_left())
    with pytest.raises(DaemonUnreachable, match="in time"):
        Client(daemon.socket_path, timeout=0.05).status()
    assert daemon.left.wait(20)


def test_no_socket_means_that_hob_is_not_running(tmp_path: Path) -> None:
    with pytest.raises(NotRunning) as caught:
        Client(tmp_path / "none.sock").status()
    assert "hob up" in caught.value.hint


def test_a_socket_that_a_dead_daemon_left_means_that_hob_is_not_running(tmp_path: Path) -> None:
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(tmp_path / "hob.sock"))
    stale.close()
    with pytest.raises(NotRunning):
        Client(tmp_path / "hob.sock").status()


def test_a_plain_file_in_the_sockets_place_is_no_crash(tmp_path: Path) -> None:
    (tmp_path / "hob.sock").write_text("no socket")
    with pytest.raises((NotRunning, DaemonUnreachable)):
        Client(tmp_path / "hob.sock").status()


def test_a_socket_of_another_user_is_told_nothing(
    daemon: FakeDaemon, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hob.client.transport_posix.os.geteuid", lambda: 12345)
    with pytest.raises(ForbiddenPeer, match="another user"):
        client.status()
    assert daemon.asked == []


def test_a_socket_without_permission_is_a_typed_refusal(
    daemon: FakeDaemon, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("socket.socket.connect", refuse)
    with pytest.raises(ForbiddenPeer):
        client.status()


def _leave_by_closing(client: Client) -> None:
    stream = client.chat(HELLO)
    next(stream)
    stream.close()


def _leave_by_context(client: Client) -> None:
    with client.chat(HELLO) as stream:
        next(stream)


def _leave_with_the_client(client: Client) -> None:
    with client:
        stream = client.chat(HELLO)
        next(stream)


@pytest.mark.parametrize("leave", [_leave_by_closing, _leave_by_context, _leave_with_the_client])
def test_leaving_an_answer_hangs_up_so_that_the_daemon_stops(
    daemon: FakeDaemon, client: Client, leave: Callable[[Client], None]
) -> None:
    daemon.chat("a", end=False, then=lambda connection: connection.wait_until_left())
    leave(client)
    assert daemon.left.wait(20)


def test_a_closed_answer_yields_no_more(daemon: FakeDaemon, client: Client) -> None:
    daemon.chat("a", "b")
    stream = client.chat(HELLO)
    next(stream)
    stream.close()
    assert list(stream) == []


def test_facts_arrive_and_unknown_ones_are_passed_over(daemon: FakeDaemon, client: Client) -> None:
    ready = DaemonReady(at=1.0, pid=7)
    loading = ModelLoading(at=2.0, model="tiny", fraction=0.4)
    daemon.stream("GET", "/hob/v1/events", [ready, {"event": "new.fact", "at": 1.0}, loading])
    facts = client.events()
    assert [next(facts), next(facts)] == [ready, loading]
    with pytest.raises(DaemonUnreachable):
        next(facts)


def test_comments_and_split_events_are_read_as_the_standard_says(
    daemon: FakeDaemon, client: Client
) -> None:
    def then(connection: Connection) -> None:
        for byte in b': hello\r\n\r\n:\n\nevent: x\r\ndata: {"choices":\r\ndata:[]}\r\n\r\n':
            connection.chunk(bytes([byte]))
        connection.chunk(b'data:{"choices":[{"delta":{"content":"ok"}}]}\n\ndata: [DONE]\n\n')
        connection.chunk(b"")

    daemon.chat(end=False, then=then)
    assert list(client.chat(HELLO)) == ["ok"]


def test_interrupting_from_another_thread_ends_the_wait_for_facts(
    daemon: FakeDaemon, client: Client
) -> None:
    at_work = threading.Event()

    def then(connection: Connection) -> None:
        at_work.set()
        connection.wait_until_left()

    daemon.stream("GET", "/hob/v1/events", [], then=then)
    facts = client.events()
    ended: list[HobError] = []

    def listen() -> None:
        try:
            next(facts)
        except HobError as error:
            ended.append(error)

    thread = threading.Thread(target=listen)
    thread.start()
    assert at_work.wait(20)
    facts.interrupt()
    thread.join(20)
    assert len(ended) == 1


def test_a_download_tells_its_progress_and_then_the_model(
    daemon: FakeDaemon, client: Client
) -> None:
    progress = PullProgress(stage="download", done_bytes=5, total_bytes=10)
    done = PullDone(model=replies.model_info())
    daemon.stream("POST", "/hob/v1/models/pull", [progress, done])
    assert list(client.pull("starter")) == [progress, done]
    assert daemon.asked[0].json == {"source": "starter"}


def test_a_failed_download_is_raised(daemon: FakeDaemon, client: Client) -> None:
    failed = PullFailed(error=ErrorInfo(code="disk_full", message="Full."))
    daemon.stream("POST", "/hob/v1/models/pull", [failed])
    with pytest.raises(DiskFull):
        list(client.pull("starter"))


def test_a_download_that_breaks_off_is_an_error(daemon: FakeDaemon, client: Client) -> None:
    daemon.stream("POST", "/hob/v1/models/pull", [PullProgress(stage="download")])
    with pytest.raises(DaemonUnreachable):
        list(client.pull("starter"))


def test_a_refused_stream_raises_what_the_daemon_says(daemon: FakeDaemon, client: Client) -> None:
    stopping = ErrorReply(error=ErrorInfo(code="shutting_down", message="Bye."))
    daemon.reply("POST", "/hob/v1/models/pull", stopping, status=503)
    with pytest.raises(ShuttingDown):
        client.pull("starter")


def test_an_unknown_model_is_named(daemon: FakeDaemon, client: Client) -> None:
    missing = ErrorReply(error=ErrorInfo(code="model_not_found", message="No `x`.", param="model"))
    daemon.reply("POST", "/hob/v1/models/unload", missing, status=404)
    with pytest.raises(ModelNotFound, match="No `x`"):
        client.unload("x")


def test_stop_is_a_post(daemon: FakeDaemon, client: Client) -> None:
    daemon.reply("POST", "/hob/v1/stop", {})
    client.stop()
    assert daemon.asked[0].method == "POST"


def test_a_prefill_is_done_in_the_background_by_default(daemon: FakeDaemon, client: Client) -> None:
    reply = PrefillReply(model="tiny", prompt_tokens=9, cached_tokens=4)
    daemon.reply("POST", "/hob/v1/prefill", reply)
    assert client.prefill(HELLO) == reply
    assert daemon.asked[0].json == {
        "messages": [{"role": "user", "content": "hello"}],
        "priority": "background",
    }


def test_a_prefill_is_ended_from_another_thread(daemon: FakeDaemon, client: Client) -> None:
    interrupt = Interrupt()

    def answer(connection: Connection) -> None:
        interrupt.set()
        connection.wait_until_left()

    daemon.script("POST", "/hob/v1/prefill", answer)
    with pytest.raises(DaemonUnreachable):
        client.prefill(HELLO, interrupt=interrupt)
    assert daemon.left.wait(20)


def test_an_interrupt_before_the_request_ends_it_at_once(
    daemon: FakeDaemon, client: Client
) -> None:
    daemon.script("POST", "/hob/v1/prefill", Connection.wait_until_left)
    interrupt = Interrupt()
    interrupt.set()
    with pytest.raises(DaemonUnreachable):
        client.prefill(HELLO, interrupt=interrupt)


def test_thoughts_are_told_apart_from_the_answer(daemon: FakeDaemon, client: Client) -> None:
    end = chat_chunk({}, "length")
    end["choices"][0]["context_full"] = True
    events: list[object] = [chat_chunk({"reasoning_content": "Hm."}), chat_chunk({"content": "A"})]
    daemon.stream("POST", CHAT, [*events, end, "[DONE]"])
    thoughts: list[str] = []
    stream = client.chat(HELLO, on_thought=thoughts.append)
    assert (list(stream), thoughts) == (["A"], ["Hm."])
    assert (stream.finish_reason, stream.context_full) == ("length", True)
