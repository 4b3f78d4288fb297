"""Starts the daemon in the background, for whoever needs it and finds it away."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from hob.client import Client
from hob.errors import DaemonUnreachable, NotRunning, StartFailed
from hob.paths import Paths
from hob.wire.status import Status

START_LIMIT_S = 30.0
_LOOK_EVERY_S = 0.03
# What `hob serve` ends with when another daemon was first.
_ALREADY_RUNNING = 8


def start_daemon(
    paths: Paths, environ: Mapping[str, str], settings: Mapping[str, str] | None = None
) -> Status:
    """Start `hob serve` detached from this terminal and wait until it answers.

    `settings` are handed on as --set KEY=VALUE. Raises StartFailed with the daemon's own words
    when it ends instead.
    """
    complaints = paths.log_dir / "stderr.log"
    command = [sys.executable, "-P", "-m", "hob", "serve"]
    for key, value in (settings or {}).items():
        command += ["--set", f"{key}={value}"]
    child = start_detached(command, environ, complaints)
    client = Client(paths.socket, START_LIMIT_S)
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline:
        # Looked at before the socket is: a daemon that ended after answering is not missed.
        code = child.poll()
        try:
            status = client.status()
            _end_surplus(child, status)
            return status
        except (NotRunning, DaemonUnreachable):
            # Of two that start at once one leaves, and its command waits for the other.
            if code is not None and code != _ALREADY_RUNNING:
                raise ended("daemon", complaints, code) from None
        time.sleep(_LOOK_EVERY_S)
    raise StartFailed(
        f"The daemon (pid {child.pid}) started but did not answer within {START_LIMIT_S:.0f} s.",
        hint="`hob logs` shows what it is doing; `hob down` ends it.",
    )


def _end_surplus(child: subprocess.Popen[bytes], status: Status) -> None:
    """End a daemon that came second. Left alone it might still be starting when the first one is
    stopped, and would take its place unasked."""
    # On Windows the child may be a launcher of a virtual environment, whose pid is not the
    # daemon's although it stands for it.
    if sys.platform != "win32" and status.pid != child.pid:
        child.terminate()
        child.wait()


def start_detached(
    command: Sequence[str], environ: Mapping[str, str], complaints: Path
) -> subprocess.Popen[bytes]:
    """Start a process of Hob that lives on without us; its stderr goes to the file `complaints`.

    Raises StartFailed.
    """
    environ = dict(environ)
    if home := environ.get("HOB_HOME"):
        # It works in another folder than this shell.
        environ["HOB_HOME"] = os.fspath(Path(home).expanduser().absolute())
    try:
        complaints.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = os.open(complaints, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise StartFailed(
            f"The log folder {complaints.parent} cannot be written ({error.strerror}).",
            hint="Make it writable for you, or set HOB_HOME to a folder that is.",
        ) from error
    try:
        return _detached(command, environ, file)
    except OSError as error:
        raise StartFailed(
            f"Python ({sys.executable}) could not be started ({error.strerror})."
        ) from error
    finally:
        os.close(file)


def _detached(
    command: Sequence[str], environ: dict[str, str], stderr: int
) -> subprocess.Popen[bytes]:
    """A process that lives on when this terminal closes, and holds no folder busy."""
    null = subprocess.DEVNULL
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
        return subprocess.Popen(
            command, env=environ, stdin=null, stdout=null, stderr=stderr, creationflags=flags
        )
    return subprocess.Popen(
        command,
        env=environ,
        cwd="/",
        stdin=null,
        stdout=null,
        stderr=stderr,
        start_new_session=True,
    )


def ended(what: str, complaints: Path, code: int) -> StartFailed:
    """Why it ended, in the words that it left: its last line, without our own prefix."""
    text = complaints.read_text(encoding="utf-8", errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = [line.removeprefix("hob: ") for line in lines if line.startswith("hob: ")]
    if said:
        return StartFailed(f"The {what} did not start. {said[-1]}")
    why = lines[-1] if lines else f"it ended with exit code {code} and said nothing"
    return StartFailed(f"The {what} did not start: {why}.", hint=f"All it said is in {complaints}.")
