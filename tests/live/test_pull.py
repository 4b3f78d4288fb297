"""Downloads by the real daemon, from a hub on loopback: the command, a kill, and going on."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from fakes.evil_server import Request, answer, hang, serve
from fakes.hub import REPO, FakeHub, answer_json, fake_hub
from fakes.tiny_gguf import tiny_gguf
from hob.wire.pulls import PullEntry
from live_daemon import LiveDaemon, eventually

MODEL = tiny_gguf().bytes()
NAME = "tiny-Q4_K_M.gguf"
SOURCE = f"hf:{REPO}"


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with fake_hub() as hub:
        hub.add({NAME: MODEL})
        yield hub


@pytest.fixture
def daemon(home: Path, hub: FakeHub) -> Iterator[LiveDaemon]:
    environ = {"HF_ENDPOINT": hub.address, "HF_TOKEN": "hf_secret_token"}
    with LiveDaemon(home, environ=environ) as daemon:
        yield daemon


def children(daemon: LiveDaemon) -> list[psutil.Process]:
    found = psutil.Process(daemon.process.pid).children(recursive=True)
    return [child for child in found if "hob.models.pull.hub_child" in command_of(child)]


def command_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:  # it has just ended
        return []


def entry(daemon: LiveDaemon) -> PullEntry:
    return daemon.client().pulls().pulls[0]


def parts(daemon: LiveDaemon) -> list[Path]:
    return list(daemon.paths.models_dir.glob(".pulls/*/*.incomplete"))


def test_a_model_is_pulled_listed_and_found_by_search(daemon: LiveDaemon, hub: FakeHub) -> None:
    ran = daemon.run("models", "pull", SOURCE)
    assert ran.returncode == 0, ran.stderr
    assert "is ready to use" in ran.stderr
    (model,) = daemon.client().models().models
    assert model.info.path == str(daemon.paths.models_dir / REPO / NAME)
    assert model.info.problem is None
    assert hub.asked(hub.file_path(NAME))[0]["Authorization"] == "Bearer hf_secret_token"
    verified = daemon.run("models", "verify", model.info.name, "--online", "--json")
    assert verified.returncode == 0, verified.stderr
    (checked,) = json.loads(verified.stdout)["files"]
    assert (checked["good"], checked["source"].partition("@")[0]) == (True, SOURCE)
    hub.behave("/api/models", answer_json([{"id": REPO}]))
    found = json.loads(daemon.run("models", "search", "tiny", "--json").stdout)
    assert found["models"][0]["files"][0]["source"] == f"{SOURCE}:Q4_K_M"
    log = daemon.paths.log_file.read_text()
    assert "hf_secret_token" not in log


@pytest.mark.parametrize("damage", [0, 1])
def test_a_file_that_came_by_hand_is_verified_by_the_hub(
    damage: int, daemon: LiveDaemon, hub: FakeHub
) -> None:
    place = daemon.paths.models_dir / REPO / NAME
    place.parent.mkdir(parents=True)
    place.write_bytes(MODEL[:-1] + bytes([MODEL[-1] ^ damage]))
    (model,) = daemon.client().models(rescan=True).models
    verified = daemon.run("models", "verify", model.info.name, "--online", "--json")
    (checked,) = json.loads(verified.stdout)["files"]
    assert (checked.get("good"), checked["source"]) == (not damage, "hub")
    assert len(hub.asked(hub.listing_path())) == 1


def test_a_download_goes_on_after_the_daemon_was_killed(daemon: LiveDaemon, hub: FakeHub) -> None:
    hub.behave(hub.file_path(NAME), hang(MODEL, 70_000))
    assert daemon.run("models", "pull", SOURCE, "--detach").returncode == 0
    eventually(lambda: [part.stat().st_size for part in parts(daemon)] == [70_000])
    (child,) = children(daemon)
    daemon.process.kill()
    daemon.process.wait()
    eventually(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
    served: list[str] = []

    def rest(request: Request) -> None:
        served.append(request.headers["Range"])
        serve(MODEL)(request)

    hub.behave(hub.file_path(NAME), rest)
    daemon.start()
    eventually(lambda: entry(daemon).state == "done")
    assert served == ["bytes=70000-"]
    assert (daemon.paths.models_dir / REPO / NAME).read_bytes() == MODEL
    assert parts(daemon) == []


def test_a_stop_of_the_daemon_ends_the_child_and_keeps_the_part(
    daemon: LiveDaemon, hub: FakeHub
) -> None:
    hub.behave(hub.file_path(NAME), hang(MODEL, 70_000))
    daemon.client().pull_detached(SOURCE)
    eventually(lambda: [part.stat().st_size for part in parts(daemon)] == [70_000])
    (child,) = children(daemon)
    assert daemon.end() == 0
    assert not child.is_running()
    assert [part.stat().st_size for part in parts(daemon)] == [70_000]


def test_a_client_that_leaves_stops_the_download_which_can_be_thrown_away(
    daemon: LiveDaemon, hub: FakeHub
) -> None:
    hub.behave(hub.file_path(NAME), hang(MODEL, 70_000))
    with daemon.client().pull(SOURCE) as events:
        next(iter(events))
        eventually(lambda: [part.stat().st_size for part in parts(daemon)] == [70_000])
    eventually(lambda: entry(daemon).state == "cancelled" and not children(daemon))
    assert len(parts(daemon)) == 1
    ran = daemon.run("models", "pulls", "--discard", entry(daemon).id)
    assert ran.returncode == 0, ran.stderr
    assert parts(daemon) == []
    assert daemon.client().pulls().pulls == ()


def test_others_are_served_while_a_model_is_fetched(daemon: LiveDaemon, hub: FakeHub) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def wait(request: Request) -> None:
        asked.set()
        go_on.wait(30)
        serve(MODEL)(request)

    hub.behave(hub.file_path(NAME), wait)
    daemon.client().pull_detached(SOURCE)
    assert asked.wait(30)
    assert daemon.client().models().models == ()
    go_on.set()
    eventually(lambda: entry(daemon).state == "done")


def test_a_gated_model_says_what_to_do(daemon: LiveDaemon, hub: FakeHub) -> None:
    hub.behave(hub.file_path(NAME), answer(403))
    ran = daemon.run("models", "pull", SOURCE)
    assert ran.returncode == 6
    assert f"{hub.address}/{REPO}" in ran.stderr
    listed = daemon.run("models", "pulls")
    assert "failed" in listed.stdout
