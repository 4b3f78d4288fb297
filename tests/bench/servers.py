"""The two that are compared: Hob with a home of its own, and llama-server, set up alike."""

from __future__ import annotations

import http
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from bench.load import Address

START_LIMIT = 120.0


@dataclass(frozen=True)
class Setup:
    """What both are given."""

    model: Path
    threads: int
    slots: int
    context: int


class Server(ABC):
    """A server that runs as a child process."""

    name: str
    address: Address

    def __init__(self, log: Path) -> None:
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def _command(self) -> list[str]: ...

    @abstractmethod
    def _is_ready(self) -> bool: ...

    def start(self) -> float:
        """Seconds from starting the process until it is ready to answer."""
        with self._log.open("ab") as log:
            began = time.perf_counter()
            self._process = subprocess.Popen(
                self._command(),
                env=self._environ(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            while not self._is_ready():
                if self._process.poll() is not None:
                    raise RuntimeError(f"{self.name} ended; see {self._log}")
                if time.perf_counter() - began > START_LIMIT:
                    raise RuntimeError(f"{self.name} was not ready in time; see {self._log}")
                time.sleep(0.002)
            return time.perf_counter() - began

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def _environ(self) -> dict[str, str]:
        return dict(os.environ)


class Peer(Server):
    name = "llama-server"

    def __init__(self, program: Path, setup: Setup, log: Path) -> None:
        super().__init__(log)
        self._program = program
        self._setup = setup
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = int(free.getsockname()[1])
        self.address = Address(self._port)

    def _command(self) -> list[str]:
        setup = self._setup
        return [
            *(str(self._program), "--model", str(setup.model)),
            *("--host", "127.0.0.1", "--port", str(self._port), "--jinja"),
            *("--threads", str(setup.threads), "--threads-batch", str(setup.threads)),
            *("--parallel", str(setup.slots), "--ctx-size", str(setup.context), "--kv-unified"),
        ]

    def _is_ready(self) -> bool:
        try:
            return self.address.request("GET", "/health")[0] == http.HTTPStatus.OK
        except ConnectionError:
            return False


class Hob(Server):
    """`hob serve` in a temporary HOB_HOME; without a model it has no worker. `settings` are more
    environment variables."""

    name = "Hob"

    def __init__(self, setup: Setup, log: Path, *, with_model: bool = True) -> None:
        super().__init__(log)
        self._setup = setup
        self._with_model = with_model
        self.settings: dict[str, str] = {}
        self.home = Path(tempfile.mkdtemp(prefix="hob-bench-"))
        (self.home / "models").mkdir()
        if with_model:
            shutil.copy(setup.model, self.home / "models")
        self.address = Address(self.home / "run" / "hob.sock")

    def stop(self) -> None:
        super().stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def _command(self) -> list[str]:
        return [sys.executable, "-m", "hob", "serve"]

    def environ(self) -> dict[str, str]:
        """The environment of every `hob` command that belongs to this daemon."""
        return self._environ()

    def _environ(self) -> dict[str, str]:
        setup = self._setup
        # As on anyone's machine: Python keeps what it compiled of Hob's modules.
        inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        return {
            **inherited,
            "HOB_HOME": str(self.home),
            "HOB_ENGINE_THREADS": str(setup.threads),
            "HOB_ENGINE_SLOTS": str(setup.slots),
            "HOB_ENGINE_CONTEXT_LENGTH": str(setup.context),
            **self.settings,
        }

    def _is_ready(self) -> bool:
        try:
            workers = self.workers()
        except (ConnectionError, FileNotFoundError):
            return False
        return not self._with_model or any(worker["state"] == "ready" for worker in workers)

    def workers(self) -> list[dict[str, object]]:
        status, body = self.address.request("GET", "/hob/v1/status")
        if status != http.HTTPStatus.OK:
            raise RuntimeError(f"status {status}: {body!r}")
        found: list[dict[str, object]] = json.loads(body)["workers"]
        return found

    def worker_pids(self) -> list[int]:
        return [int(str(worker["pid"])) for worker in self.workers() if worker["pid"]]

    def loaded(self) -> dict[str, object]:
        """What the worker said about the loaded model."""
        info = self.workers()[0]["loaded"]
        assert isinstance(info, dict)
        return info

    def use(self) -> float:
        """Seconds from asking for the model, which is not loaded, until it is ready."""
        body = {"model": str(self.workers()[0]["model"])}
        self.post("/hob/v1/models/unload", body)
        began = time.perf_counter()
        self.post("/hob/v1/models/use", body)
        return time.perf_counter() - began

    def prefill(self, prompt: str) -> None:
        """Let it read a prompt that is to come."""
        self.post("/hob/v1/prefill", {"messages": [{"role": "user", "content": prompt}]})

    def post(self, path: str, body: object) -> None:
        status, reply = self.address.request("POST", path, body)
        if status >= http.HTTPStatus.BAD_REQUEST:
            raise RuntimeError(f"POST {path}: {status} {reply!r}")
