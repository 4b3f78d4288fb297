"""Child processes on Linux and macOS: a session and a process group of their own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence

if sys.platform != "win32":
    import resource


class PosixChild:
    """A child that leads its own process group, so that one signal reaches all of it."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self.pid = process.pid
        self.stdin = process.stdin
        self.stdout = process.stdout
        self.stderr = process.stderr
        self._process = process

    async def wait(self) -> int:
        return await self._process.wait()

    def kill(self) -> None:
        if sys.platform != "win32":
            with contextlib.suppress(ProcessLookupError, PermissionError):
                # macOS answers EPERM for a group that holds nothing but zombies.
                os.killpg(self.pid, signal.SIGKILL)


async def spawn_child(argv: Sequence[str], environment: Mapping[str, str]) -> PosixChild:
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env=dict(environment),
        close_fds=True,
        # Its own session: Ctrl-C in the daemon's terminal must not end the child under a drain.
        start_new_session=True,
    )
    _forbid_core_dump(process.pid)
    return PosixChild(process)


def _forbid_core_dump(pid: int) -> None:
    """A core dump would write the user's prompts and gigabytes of weights to the disk.

    Set from outside where the system can: code between fork and exec is not safe with threads.
    """
    if sys.platform == "linux":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
