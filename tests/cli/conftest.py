"""A command line with a home of its own, and a scripted daemon to talk to."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile

import pytest

from fakes import replies
from fakes.command_line import Cli, Ran
from fakes.fake_daemon import FakeDaemon
from hob.cli.app import run
from hob.paths import find_paths


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """HOB_HOME, with nothing in it."""
    monkeypatch.setenv("HOB_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("HOB_DEBUG", raising=False)
    return tmp_path / "home"


@pytest.fixture
def daemon(home: Path) -> Iterator[FakeDaemon]:
    """A daemon with one warm model, `tiny`."""
    with FakeDaemon(find_paths({"HOB_HOME": str(home)}).socket) as fake:
        fake.reply("GET", "/hob/v1/status", replies.status())
        fake.reply("GET", "/hob/v1/models", replies.model_list())
        fake.reply("GET", "/hob/v1/models?rescan=1", replies.model_list())
        yield fake
    assert not fake.problems


@pytest.fixture
def cli(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Runs a command in this process; `stdin` is what is piped in."""

    def call(*args: str, stdin: bytes = b"") -> Ran:
        capsys.readouterr()
        # A file, since a command may ask the system what its stdin is.
        with TemporaryFile() as file:
            file.write(stdin)
            file.seek(0)
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(file, "utf-8"))
            code = run(args)
        out, err = capsys.readouterr()
        return Ran(code, out, err)

    return call
