"""The child itself, as a process: what it says, that it can be ended at any moment, and that it
never outlives the daemon."""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
import sys
from contextlib import aclosing
from pathlib import Path

import psutil
import pytest

from fakes.evil_server import Request, hang, serve
from fakes.hub import REPO, FakeHub, answer_json
from fakes.ports import model_info
from fakes.tiny_gguf import tiny_gguf
from hob.errors import DownloadError, NotOnHub
from hob.models.pull.child import COMMAND, HubChild
from hob.models.pull.orders import (
    Account,
    AccountOrder,
    Fetched,
    Found,
    Limits,
    Listed,
    ListOrder,
    Order,
    PullOrder,
    SearchOrder,
    encoder,
)
from hob.models.pull.pulls import PullOptions, Pulls
from hob.wire.pulls import PullDone, PullProgress

MODEL = tiny_gguf().bytes()
NAME = "tiny-Q4_K_M.gguf"
PATIENT = Limits(stall_s=60.0, attempts=2, retry_wait_s=0.0)


@pytest.fixture(autouse=True)
def repository(hub: FakeHub) -> None:
    hub.add({NAME: MODEL})


def order_of(hub: FakeHub, folder: Path, token: str = "") -> Order:
    task = PullOrder(id="1", source=f"hf:{REPO}", folder=str(folder))
    return Order(task=task, hub=hub.address, token=token, limits=PATIENT)


async def test_a_model_comes_by_a_child(hub: FakeHub, folder: Path) -> None:
    reports: list[PullProgress] = []
    fetched = await HubChild().run(order_of(hub, folder), Fetched, reports.append)
    assert content_of(Path(fetched.files[0].path)) == MODEL
    assert reports[0].stage == "look"
    assert reports[-1] == PullProgress(
        stage="verify", done_bytes=len(MODEL), total_bytes=len(MODEL)
    )


async def test_an_error_of_the_child_keeps_its_class(hub: FakeHub, folder: Path) -> None:
    order = Order(
        task=PullOrder(id="1", source=f"hf:{REPO}:Q8_0", folder=str(folder)), hub=hub.address
    )
    with pytest.raises(NotOnHub, match="Q8_0"):
        await HubChild().run(order, Fetched)


async def test_a_search_a_listing_and_an_account_come_by_a_child(hub: FakeHub) -> None:
    hub.behave("/api/models", answer_json([{"id": REPO}]))
    hub.behave("/api/whoami-v2", answer_json({"name": "ada"}))
    search = Order(task=SearchOrder(text="tiny", limit=5), hub=hub.address)
    found = await HubChild().run(search, Found, limit_s=60)
    assert [model.repo for model in found.models] == [REPO]
    listing = Order(task=ListOrder(repo=REPO), hub=hub.address)
    listed = await HubChild().run(listing, Listed, limit_s=60)
    assert listed.digests == {NAME: hashlib.sha256(MODEL).hexdigest()}
    whose = Order(task=AccountOrder(), hub=hub.address, token="hf_secret")
    assert (await HubChild().run(whose, Account, limit_s=60)).name == "ada"


async def test_the_token_is_in_no_place_where_others_could_read_it(
    hub: FakeHub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    hub.behave(hub.file_path(NAME), hang(MODEL, 1000))
    downloading = asyncio.Event()
    running = asyncio.create_task(
        HubChild().run(
            order_of(hub, folder, "hf_secret"),
            Fetched,
            lambda progress: downloading.set() if progress.stage == "download" else None,
        )
    )
    await downloading.wait()
    (child,) = children()
    assert "hf_secret" not in " ".join(child.cmdline())
    assert "hf_secret" not in str(child.environ())
    running.cancel()
    await asyncio.wait({running})
    assert not child.is_running()


def children() -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process().children(recursive=True)
        if "hob.models.pull.hub_child" in child.cmdline()
    ]


async def test_stopping_ends_the_child_and_keeps_its_part_for_the_next_time(
    hub: FakeHub, folder: Path, tmp_path: Path
) -> None:
    hub.behave(hub.file_path(NAME), hang(MODEL, 70_000))
    pulls = Pulls(
        PullOptions(folder=folder, hub=hub.address, record=tmp_path / "p.json", limits=PATIENT),
        rescan=nothing,
        at_path=model_info,
        note_digest=lambda path, sha256, source: None,
        publish=lambda fact: None,
        token=no_token,
    )
    running = asyncio.create_task(pulls.run())
    async with aclosing(pulls.pull(f"hf:{REPO}")) as events:
        async for event in events:
            if isinstance(event, PullProgress) and event.stage == "download":
                break
        (child,) = children()
        await asyncio.to_thread(wait_for_part, folder, 70_000)
    entry = await pulls.cancel(pulls.entries()[0].id, discard=False)
    assert entry.state == "cancelled"
    assert not child.is_running()
    assert [content_of(part) for part in parts_in(folder)] == [MODEL[:70_000]]
    served: list[str] = []

    def noted(request: Request) -> None:
        served.append(request.headers["Range"])
        serve(MODEL)(request)

    hub.behave(hub.file_path(NAME), noted)
    last = [event async for event in pulls.pull(f"hf:{REPO}")][-1]
    assert isinstance(last, PullDone)
    assert content_of(folder / REPO / NAME) == MODEL
    assert served == ["bytes=70000-"]
    running.cancel()
    await asyncio.wait({running})


async def nothing() -> None:
    """Read no folder again."""


async def no_token() -> str:
    return ""


def wait_for_part(folder: Path, size: int) -> None:
    """Until the child has written that much; the test's own limit ends a wait in vain."""
    while sum(part.stat().st_size for part in parts_in(folder)) < size:
        pass


def parts_in(folder: Path) -> list[Path]:
    return list(folder.glob(".pulls/*/*.incomplete"))


def content_of(path: Path) -> bytes:
    return path.read_bytes()


def test_the_child_ends_when_the_daemon_is_gone(hub: FakeHub, folder: Path) -> None:
    hub.behave(hub.file_path(NAME), hang(MODEL, 1000))
    child = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(encoder.encode(order_of(hub, folder)) + b"\n")
    child.stdin.flush()
    assert b"look" in child.stdout.readline()
    child.stdin.close()  # as the kernel does for a daemon that was killed
    assert child.wait(60) == 1
    child.stdout.close()


async def test_a_machine_that_is_set_offline_is_told_as_such(
    hub: FakeHub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(DownloadError, match="HF_HUB_OFFLINE"):
        await HubChild().run(order_of(hub, folder), Fetched)


def test_the_daemon_never_imports_the_hub_s_library() -> None:
    heavy = "{'huggingface_hub', 'hf_xet', 'httpx2', 'hob.models.pull.fetch'}"
    program = f"import sys, hob.serve; print({heavy} & set(sys.modules))"
    ran = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert ran.stdout == "set()\n"


def test_an_order_does_not_show_its_token(hub: FakeHub, folder: Path) -> None:
    assert "hf_secret" not in repr(order_of(hub, folder, "hf_secret"))


def saying(program: str) -> HubChild:
    return HubChild((sys.executable, "-c", "import sys, os, time\n" + program))


@pytest.mark.parametrize(
    "program",
    [
        "",
        "sys.exit(7)",
        "os.kill(os.getpid(), 9)",
        "print('hello')",
        "print('{}')",
        'print(\'{"event": "gone"}\')',
        "print('[' * 100000)",
        "sys.stdout.write('x' * 20_000_000)",
        'print(\'{"event": "account", "name": "ada"}\')',
        'print(\'{"event": "progress", "stage": "look"}\')',
        "sys.stderr.write('x' * 20_000_000)",
    ],
)
async def test_a_child_that_dies_or_babbles_is_a_failed_download(
    program: str, hub: FakeHub, folder: Path
) -> None:
    with pytest.raises(DownloadError) as caught:
        await saying(program).run(order_of(hub, folder), Fetched)
    assert caught.value.hint


async def test_a_child_that_cannot_be_started_is_a_failed_download(
    hub: FakeHub, folder: Path
) -> None:
    with pytest.raises(DownloadError, match="failed"):
        await HubChild(("/nowhere/python",)).run(order_of(hub, folder), Fetched)


async def test_a_child_that_takes_too_long_is_ended(hub: FakeHub, folder: Path) -> None:
    with pytest.raises(DownloadError, match="in time"):
        await saying("time.sleep(600)").run(order_of(hub, folder), Fetched, limit_s=0.1)


async def test_what_a_dying_child_complains_of_is_logged(
    hub: FakeHub, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(DownloadError):
        await saying("raise SystemExit('no room\\x1b[2J')").run(order_of(hub, folder), Fetched)
    assert "no room" in caplog.text
    assert "\x1b" not in caplog.text
