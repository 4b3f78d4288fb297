"""A command line with a home of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fakes import replies
from fakes.fake_daemon import FakeDaemon
from hob.cli.app import run
from hob.paths import Paths, find_paths


@dataclass(frozen=True)
class Ran:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str


Cli = Callable[..., Ran]


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """Under a HOB_HOME with nothing in it."""
    monkeypatch.setenv("HOB_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("HOB_DEBUG", raising=False)
    return find_paths({"HOB_HOME": str(tmp_path / "home")})


@pytest.fixture
def daemon(paths: Paths) -> Iterator[FakeDaemon]:
    """A daemon that runs."""
    with FakeDaemon(paths.socket) as fake:
        fake.reply("GET", "/hob/v1/status", replies.status())
        fake.reply("GET", "/hob/v1/models", replies.model_list())
        yield fake
    assert not fake.problems


@pytest.fixture
def cli(paths: Paths, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Runs a command in this process."""

    def call(*args: str) -> Ran:
        capsys.readouterr()
        code = run(args)
        out, err = capsys.readouterr()
        return Ran(code, out, err)

    return call
