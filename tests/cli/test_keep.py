"""`hob models keep`."""

from __future__ import annotations

import time

import pytest

from fakes import replies
from fakes.command_line import Cli
from fakes.fake_daemon import FakeDaemon

KEEP = "/hob/v1/models/keep"


def test_a_model_is_kept_for_a_time(cli: Cli, daemon: FakeDaemon) -> None:
    told = replies.worker(keep_for_s=900.0, unload_at=time.time() + 900)
    daemon.reply("POST", KEEP, told)
    ran = cli("models", "keep", "tin", "--for", "15min")
    assert ran.code == 0
    assert ran.out.startswith("tiny is warm until ")
    [asked] = daemon.requests_to(KEEP)
    assert asked.json == {"model": "tin", "for_s": 900.0}


def test_without_a_name_and_a_time_the_chosen_one_is_kept_for_good(
    cli: Cli, daemon: FakeDaemon
) -> None:
    daemon.reply("POST", KEEP, replies.worker())
    assert cli("models", "keep").out == "tiny is warm and stays so.\n"
    [asked] = daemon.requests_to(KEEP)
    assert asked.json == {"model": ""}


@pytest.mark.parametrize("time_", ["15", "soon", "0s", "-1h", ""])
def test_what_is_no_time_is_refused_before_anything_is_asked(
    cli: Cli, daemon: FakeDaemon, time_: str
) -> None:
    ran = cli("models", "keep", "--for", time_)
    assert ran.code == 2
    assert daemon.requests_to(KEEP) == []


def test_the_status_tells_until_when_a_model_stays(cli: Cli, daemon: FakeDaemon) -> None:
    kept = replies.worker(unload_at=time.time() + 30)
    daemon.reply("GET", "/hob/v1/status", replies.status(workers=(kept,)))
    assert "stays     until " in cli("status").out
