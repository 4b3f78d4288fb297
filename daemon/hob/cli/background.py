"""Starts the daemon in the background, and sees it end."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from hob.cli.context import App
from hob.cli.formatting import counted
from hob.client.starting import start_daemon as start_for
from hob.errors import DaemonUnreachable, HobError, NotRunning
from hob.wire.status import Status

STOP_LIMIT_S = 60.0
_LOOK_EVERY_S = 0.03


def start_daemon(app: App, settings: dict[str, str] | None = None) -> Status:
    """Start the daemon as `app` finds it; see hob.client.starting."""
    return start_for(app.paths, app.environ, settings)


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
