"""Starts the daemon in the background, and sees it end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hob.cli.context import App
from hob.cli.exit_codes import ExitCode
from hob.cli.formatting import counted
from hob.errors import DaemonUnreachable, HobError, NotRunning, StartFailed
from hob.wire.status import Status

START_LIMIT_S = 30.0
STOP_LIMIT_S = 60.0
_LOOK_EVERY_S = 0.03


def start_daemon(app: App, settings: dict[str, str] | None = None) -> Status:
    """Start `hob serve` detached from this terminal and wait until it answers.

    `settings` are handed on as --set KEY=VALUE. Raises StartFailed with the daemon's own words
    when it ends instead.
    """
    complaints = app.paths.log_dir / "stderr.log"
    child = _spawn(app, complaints, settings or {})
    client = app.client(timeout=START_LIMIT_S)
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
            if code is not None and code != ExitCode.ALREADY_RUNNING:
                raise _ended(complaints, code) from None
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


def _spawn(app: App, complaints: Path, settings: dict[str, str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-P", "-m", "hob", "serve"]
    for key, value in settings.items():
        command += ["--set", f"{key}={value}"]
    environ = dict(app.environ)
    if home := environ.get("HOB_HOME"):
        # The daemon works in another folder than this shell.
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


def _detached(command: list[str], environ: dict[str, str], stderr: int) -> subprocess.Popen[bytes]:
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


def _ended(complaints: Path, code: int) -> StartFailed:
    """Why the daemon ended, in the words that it left: its last line, without our own prefix."""
    text = complaints.read_text(encoding="utf-8", errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = [line.removeprefix("hob: ") for line in lines if line.startswith("hob: ")]
    if said:
        return StartFailed(f"The daemon did not start. {said[-1]}")
    why = lines[-1] if lines else f"it ended with exit code {code} and said nothing"
    return StartFailed(f"The daemon did not start: {why}.", hint=f"All it said is in {complaints}.")


@dataclass(frozen=True)
class Ended:
    """The daemon that ended, `seconds` after it was asked to."""

    pid: int
    seconds: float


def stop_daemon(app: App, say: Callable[[str], None]) -> Ended:
    """Ask the daemon to drain and wait until it is gone; `say` is told what is waited for.

    A daemon that does not answer is sent SIGTERM, which means the same. Raises NotRunning when
    there is none, and DaemonUnreachable when it still runs after STOP_LIMIT_S.
    """
    began = time.monotonic()
    client = app.client()
    try:
        status = client.status()
        client.stop()
    except (NotRunning, DaemonUnreachable) as error:
        pid = _terminate(app, error)
        say(f"Hob (pid {pid}) does not answer; it was sent SIGTERM.")
    else:
        pid = status.pid
        live = sum(worker.live_requests for worker in status.workers)
        if live:
            say(f"Waiting for {counted(live, 'answer')} to finish.")
    if not _lock_comes_free(app, STOP_LIMIT_S):
        raise DaemonUnreachable(
            f"The daemon (pid {pid}) has not ended within {STOP_LIMIT_S:.0f} s.",
            hint=f"`kill -9 {pid}` ends it at once, and its workers with it.",
        )
    return Ended(pid, time.monotonic() - began)


def _terminate(app: App, why: HobError) -> int:
    """Send SIGTERM to the process that holds the daemon's lock; raises `why` when none does."""
    if _lock_comes_free(app, 0):
        raise why
    try:
        pid = int(app.paths.pid_file.read_text(encoding="ascii"))
        os.kill(pid, signal.SIGTERM)
    except (OSError, ValueError) as error:
        raise DaemonUnreachable(
            f"The daemon holds {app.paths.lock_file}, but does not answer or say its pid.",
            hint="End the process `hob serve` by hand.",
        ) from error
    return pid


def _lock_comes_free(app: App, within_s: float) -> bool:
    """Whether no daemon runs, waiting up to `within_s` for that. Its lock goes with its process."""
    from filelock import FileLock, Timeout

    if not app.paths.lock_file.parent.is_dir():
        return True
    lock = FileLock(app.paths.lock_file, mode=0o600)
    try:
        with lock.acquire(timeout=within_s, poll_interval=_LOOK_EVERY_S):
            return True
    except Timeout:
        return False
