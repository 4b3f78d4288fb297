"""Getting models on the command line: downloads, search, and the account on the hub."""

from __future__ import annotations

import json

import pytest

from fakes.command_line import Cli
from fakes.fake_daemon import Connection, FakeDaemon
from fakes.terminal import Terminal
from hob.cli.models.pull import describe_progress
from hob.wire.base import ErrorInfo, ErrorReply
from hob.wire.pulls import (
    HubFile,
    HubModel,
    LoginReply,
    PullEntry,
    PullList,
    PullProgress,
    SearchReply,
)

HALF = PullProgress(
    stage="download",
    done_bytes=2_000_000_000,
    total_bytes=4_000_000_000,
    bytes_per_second=10_000_000.0,
    left_s=200.0,
)
RUNNING = PullEntry(id="ab12", source="hf:org/x", state="running", progress=HALF)


def stay(connection: Connection) -> None:
    connection.wait_until_left()


@pytest.mark.parametrize(
    ("progress", "text"),
    [
        (HALF, "download 2.0 GB of 4.0 GB, 10.0 MB/s, 3 min left"),
        (PullProgress("download", 5, 10), "download 5 B of 10 B"),
        (PullProgress("verify", 10, 10, 5.0, 0.0), "verify 10 B of 10 B, 5 B/s"),
    ],
)
def test_progress_is_told_with_rate_and_time_left(progress: PullProgress, text: str) -> None:
    assert describe_progress(progress) == text


def test_a_terminal_shows_a_bar_with_rate_and_time_left(daemon: FakeDaemon) -> None:
    daemon.stream("POST", "/hob/v1/models/pull", [HALF], then=stay)
    with Terminal("models", "pull", "hf:org/x") as terminal:
        terminal.read_until("2.0 GB of 4.0 GB, 10.0 MB/s, 3 min left  [##########")
        terminal.press("\x03")
        assert terminal.wait() == 130
        assert daemon.left.wait(20)
        assert "`hob models pull hf:org/x` goes on from there" in terminal.text
        assert "Traceback" not in terminal.text


def test_a_detached_download_is_left_to_the_daemon(daemon: FakeDaemon, cli: Cli) -> None:
    daemon.reply("POST", "/hob/v1/models/pull", RUNNING)
    ran = cli("models", "pull", "hf:org/x", "--detach")
    assert (ran.code, "ab12" in ran.out) == (0, True)
    (asked,) = daemon.requests_to("/hob/v1/models/pull")
    assert json.loads(asked.body) == {"source": "hf:org/x", "detach": True}


def test_a_failed_download_is_told_with_what_to_do(daemon: FakeDaemon, cli: Cli) -> None:
    error = ErrorInfo(code="hub_refused", message="It wants a login.", hint="`hob login hf`")
    daemon.reply("POST", "/hob/v1/models/pull", ErrorReply(error=error), status=403)
    ran = cli("models", "pull", "hf:org/x")
    assert (ran.code, ran.err) == (6, "hob: It wants a login. `hob login hf`\n")


def test_the_downloads_are_listed_with_what_went_wrong(daemon: FakeDaemon, cli: Cli) -> None:
    error = ErrorInfo(code="disk_full", message="The disk is full.\x1b[2J", hint="Make room.")
    failed = PullEntry(id="cd34", source="hf:org/y\x07", state="failed", error=error)
    daemon.reply("GET", "/hob/v1/models/pulls", PullList(pulls=(RUNNING, failed)))
    ran = cli("models", "pulls")
    lines = ran.out.splitlines()
    assert lines[1].split() == ["ab12", "running", "2.0", "GB", "4.0", "GB", "3", "min", "hf:org/x"]
    assert lines[2].split()[:2] == ["cd34", "failed"]
    assert lines[3].endswith("The disk is full. Make room.")
    assert ran.out.replace("\n", "").isprintable()
    assert json.loads(cli("models", "pulls", "--json").out)["pulls"][0]["id"] == "ab12"


def test_no_download_is_said(daemon: FakeDaemon, cli: Cli) -> None:
    daemon.reply("GET", "/hob/v1/models/pulls", PullList(pulls=()))
    assert cli("models", "pulls").out == "Nothing is being fetched.\n"


@pytest.mark.parametrize(
    ("option", "route", "body"),
    [
        ("--cancel", "cancel", {"id": "ab12"}),
        ("--discard", "cancel", {"id": "ab12", "discard": True}),
        ("--resume", "resume", {"id": "ab12"}),
    ],
)
def test_a_download_is_stopped_and_resumed(
    option: str, route: str, body: dict[str, object], daemon: FakeDaemon, cli: Cli
) -> None:
    path = f"/hob/v1/models/pulls/{route}"
    daemon.reply("POST", path, PullEntry(id="ab12", source="hf:org/x", state="cancelled"))
    ran = cli("models", "pulls", option, "ab12")
    assert ran.code == 0
    assert "hf:org/x" in ran.out
    assert [json.loads(asked.body) for asked in daemon.requests_to(path)] == [body]


def test_two_wishes_for_downloads_are_too_many(daemon: FakeDaemon, cli: Cli) -> None:
    assert cli("models", "pulls", "--cancel", "a", "--resume", "b").code == 2


def found(count: int = 1) -> SearchReply:
    files = tuple(
        HubFile(source=f"hf:org/x:Q{n}", quantization=f"Q{n}", size_bytes=n * 10**9)
        for n in range(1, count + 1)
    )
    model = HubModel(
        repo="org/x\x1b[31m",
        downloads=12345,
        likes=6,
        license="mit\x07",
        gated=True,
        updated="2026-05-04",
        files=files,
    )
    return SearchReply(models=(model,))


def test_a_search_shows_what_can_be_pulled_and_is_clean(daemon: FakeDaemon, cli: Cli) -> None:
    daemon.reply("POST", "/hob/v1/models/search", found(8))
    ran = cli("models", "search", "smol", "lm")
    assert "12,345 downloads, 6 likes, mit, needs a login and consent" in ran.out
    assert "hf:org/x:Q6" in ran.out
    assert "hf:org/x:Q7" not in ran.out
    assert "2 larger ones" in ran.out
    assert ran.out.replace("\n", "").isprintable()
    (asked,) = daemon.requests_to("/hob/v1/models/search")
    assert json.loads(asked.body) == {"text": "smol lm", "limit": 10}


def test_a_search_for_programs_holds_everything(daemon: FakeDaemon, cli: Cli) -> None:
    daemon.reply("POST", "/hob/v1/models/search", found(8))
    assert len(json.loads(cli("models", "search", "x", "--json").out)["models"][0]["files"]) == 8


def test_a_search_that_finds_nothing_says_so(daemon: FakeDaemon, cli: Cli) -> None:
    daemon.reply("POST", "/hob/v1/models/search", SearchReply(models=()))
    ran = cli("models", "search", "nothing")
    assert (ran.code, ran.out) == (0, "The hub has no GGUF models for 'nothing'.\n")


def test_a_token_is_read_from_a_pipe(daemon: FakeDaemon, cli: Cli) -> None:
    daemon.reply("POST", "/hob/v1/login", LoginReply(name="ada"))
    ran = cli("login", "hf", stdin=b"hf_secret\n")
    assert (ran.code, "ada" in ran.out) == (0, True)
    assert "hf_secret" not in ran.out + ran.err
    (asked,) = daemon.requests_to("/hob/v1/login")
    assert json.loads(asked.body) == {"token": "hf_secret"}


def test_a_token_is_typed_without_being_shown(daemon: FakeDaemon) -> None:
    daemon.reply("POST", "/hob/v1/login", LoginReply(name="ada"))
    with Terminal("login", "hf") as terminal:
        terminal.read_until("Token")
        terminal.press("hf_secret\r")
        assert terminal.wait() == 0
        assert "Logged in to the hub as ada" in terminal.text
        assert "hf_secret" not in terminal.raw


def test_no_token_is_told(daemon: FakeDaemon, cli: Cli) -> None:
    assert cli("login", "hf", stdin=b"\n").code == 2
    assert daemon.requests_to("/hob/v1/login") == []


def test_a_token_that_could_not_be_verified_is_told_as_such(daemon: FakeDaemon, cli: Cli) -> None:
    daemon.reply("POST", "/hob/v1/login", LoginReply(name="", verified=False))
    assert "cannot be reached" in cli("login", "hf", stdin=b"hf_secret").out


def test_logging_out_sends_an_empty_token(daemon: FakeDaemon, cli: Cli) -> None:
    daemon.reply("POST", "/hob/v1/login", LoginReply(name=""))
    assert cli("logout", "hf").code == 0
    (asked,) = daemon.requests_to("/hob/v1/login")
    assert json.loads(asked.body) == {"token": ""}


def test_another_service_is_none(cli: Cli) -> None:
    assert cli("login", "elsewhere", stdin=b"x").code == 2
