"""Runs `hob serve` for tests: start, wait until it says so, talk to it, end it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

import httpx2
import openai
import psutil

from hob.client import Client
from hob.paths import find_paths

REPO = Path(__file__).parent.parent


def starter_model() -> Path:
    """The starter model's file, which tests/run.sh fetches."""
    path = Path(
        os.environ.get("HOB_TEST_MODEL", REPO / ".cache/models/SmolLM2-135M-Instruct-Q4_1.gguf")
    )
    assert path.is_file(), f"{path} is missing: `bash tests/run.sh` fetches it"
    return path


def gemma_model() -> Path:
    """The file of a model with a sliding window, which tests/run.sh fetches."""
    default = REPO / ".cache/models/gemma-3-270m-q4_k_m.gguf"
    path = Path(os.environ.get("HOB_TEST_GEMMA_MODEL", default))
    assert path.is_file(), f"{path} is missing: `bash tests/run.sh` fetches it"
    return path


def eventually(check: Callable[[], object], seconds: float = 30) -> None:
    """Wait until `check` is true, looking often; fail when it is not in time."""
    end = time.monotonic() + seconds
    pause = threading.Event()
    while not check():
        assert time.monotonic() < end, f"{check} stayed false for {seconds} s"
        pause.wait(0.02)


class LiveDaemon:
    """One daemon process in `home`; `models` are linked into its models folder."""

    def __init__(
        self,
        home: Path,
        models: Sequence[Path] = (),
        *,
        settings: Sequence[str] = (),
        environ: dict[str, str] | None = None,
    ) -> None:
        self.environ = {**os.environ, "HOB_HOME": str(home), **(environ or {})}
        self.paths = find_paths(self.environ)
        self.paths.models_dir.mkdir(parents=True, exist_ok=True)
        for model in models:
            link = self.paths.models_dir / model.name
            if not link.exists():
                link.symlink_to(model)
        self._arguments = [part for setting in settings for part in ("--set", setting)]
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> LiveDaemon:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    @property
    def process(self) -> subprocess.Popen[str]:
        assert self._process is not None
        return self._process

    def start(self) -> str:
        """Start it and return its first line, which it prints when the socket answers."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "hob", "serve", *self._arguments],
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError(f"the daemon did not start: {self._process.communicate()[1]}")
        return line

    def end(self) -> int:
        """SIGTERM, and its exit code."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        return self._process.returncode

    def client(self) -> Client:
        return Client(self.paths.socket)

    def openai(self) -> openai.OpenAI:
        """The real SDK over the socket."""
        transport = httpx2.HTTPTransport(uds=str(self.paths.socket))
        return openai.OpenAI(
            base_url="http://hob/v1",
            api_key="unused",
            max_retries=0,
            timeout=60,
            http_client=httpx2.Client(transport=transport, timeout=60),
        )

    def workers(self) -> list[psutil.Process]:
        """The engine workers that live now."""
        found = []
        for child in psutil.Process(self.process.pid).children(recursive=True):
            # One that has just ended has no command line any more.
            with contextlib.suppress(psutil.NoSuchProcess):
                if "hob.engine" in " ".join(child.cmdline()):
                    found.append(child)
        return found

    def run(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """`hob ARGUMENTS` against this daemon."""
        return subprocess.run(
            [sys.executable, "-m", "hob", *arguments],
            env=self.environ,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
