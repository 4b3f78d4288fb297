"""Keeps one process running: starts it, talks with it, and starts it again when it ends.

    keeper = Keeper(argv, logger=log, attend=talk, ended=note, final_codes={0})
    group.create_task(keeper.run())     # cancelling this ends the process and waits for it

The process gets a pipe on stdin whose end means: leave. What it starts itself is in its process
group and ends with it, unless it is started in a session of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from hob.children.lines import LineLog
from hob.children.spawn import Child, Spawn, spawn
from hob.companions.backoff import Policy, pause_after, row_of_deaths
from hob.errors import HobError

# `waiting` before a start, `resting` after too many deaths, `left` when the process was dismissed
# or went with one of its final codes: then only `revive` starts it again.
State = Literal["waiting", "running", "resting", "left", "ended"]

# A healthy process ends and closes its pipes together; this long we wait for the other half.
PIPE_GRACE_S = 1.0
# A process that a driver holds in the kernel may not even die of SIGKILL.
KILL_LIMIT_S = 5.0
# How long a process may take to leave by itself once its pipe has ended.
LEAVE_S = 3.0
_READ_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class End:
    """One life is over. `exit_code` None: it could not be started (`problem`) or waited for; on
    POSIX a signal is its negative number. `why` is what it was ended for by us, empty when it ended
    by itself; `asked` when it was meant to end. `next_s`: it starts again in so many seconds, None
    when it is left alone; `resting` when it was given up for that time."""

    exit_code: int | None
    lived_s: float = 0.0
    problem: str = ""
    why: str = ""
    asked: bool = False
    last_lines: tuple[str, ...] = ()
    next_s: float | None = None
    resting: bool = False


async def pour_away(child: Child) -> None:
    """For a process that says nothing: its stdout is read, so that it cannot fill, and dropped."""
    await _drop(child.stdout)


async def _drop(stream: asyncio.StreamReader) -> None:
    with contextlib.suppress(OSError):
        while await stream.read(_READ_BYTES):
            pass


def _ignore(_: End) -> None: ...


class Keeper:
    """One process and its lives; `run` is the only one who changes them.

    `attend(child)` speaks with each life over its pipes, and ends when stdout does; when it raises
    HobError the process is ended for that. `ended` is told of each end. stderr goes to `logger`.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        logger: logging.Logger,
        attend: Callable[[Child], Awaitable[None]] = pour_away,
        ended: Callable[[End], None] = _ignore,
        policy: Policy | None = None,
        final_codes: Collection[int] = (),
        spawn: Spawn = spawn,
    ) -> None:
        self._argv = argv
        self._logger = logger
        self._attend = attend
        self._ended = ended
        self._policy = policy or Policy()
        self._final_codes = final_codes
        self._spawn = spawn
        self._state: State = "waiting"
        self._child: Child | None = None
        self._why = ""
        self._dismissed = False
        self._revive = False
        self._call = asyncio.Event()  # to whoever watches the process that runs
        self._wake = asyncio.Event()  # to whoever waits while none runs

    @property
    def state(self) -> State:
        return self._state

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    def kill(self, why: str) -> None:
        """End the process at once, as one that has failed: it starts again after its pause."""
        if self._child:
            self._why = self._why or why
            self._call.set()
            self._child.kill()

    def dismiss(self) -> None:
        """Let the process leave, and start it no more before `revive`."""
        self._dismissed = True
        self._revive = False
        self._call.set()
        self._wake.set()

    def revive(self) -> None:
        """Start it without any pause, with nothing held against it; nothing when it runs."""
        if self._dismissed or not self._child:
            self._dismissed = False
            self._revive = True
            self._wake.set()

    async def run(self) -> None:
        """Until cancelled; the process is gone then."""
        row = 0
        try:
            while True:
                if not self._dismissed:
                    end = await self._one_life()
                    row = row_of_deaths(row, end.lived_s, self._policy)
                    if end.exit_code in self._final_codes:
                        self._dismissed = not self._revive
                    if not self._dismissed:
                        pause = pause_after(row, self._policy)
                        end = replace(end, next_s=pause.seconds, resting=pause.resting)
                    self._ended(end)
                await self._pause(row)
                row = 0 if self._revive else row
        finally:
            self._state = "ended"

    async def _pause(self, row: int) -> None:
        """Wait until it is to start again: for its time, or until it is revived."""
        pause = pause_after(row, self._policy)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause.seconds) as limit:
                while not self._revive:
                    if self._dismissed:
                        self._state = "left"
                        limit.reschedule(None)
                    else:
                        self._state = "resting" if pause.resting else "waiting"
                    self._wake.clear()
                    await self._wake.wait()

    async def _one_life(self) -> End:
        self._why = ""
        self._revive = False
        self._call.clear()
        started = time.monotonic()
        try:
            child = await self._spawn(self._argv)
        except OSError as error:
            return End(None, problem=f"{error.strerror or error}")
        self._child = child
        self._state = "running"
        lines = LineLog(self._logger)
        try:
            exit_code = await self._watch(child, lines)
        finally:
            self._child = None
            child.stdin.close()
        lived = time.monotonic() - started
        return End(
            exit_code, lived, why=self._why, asked=self._dismissed, last_lines=tuple(lines.last)
        )

    async def _watch(self, child: Child, lines: LineLog) -> int | None:
        """Until the process is gone. Returns its exit code, None when it is not known."""
        gone = asyncio.create_task(child.wait())
        talk = asyncio.create_task(self._talk(child))
        others = {talk, asyncio.create_task(lines.read(child.stderr))}
        called = asyncio.create_task(self._call.wait())
        try:
            await asyncio.wait({gone, called, talk}, return_when=asyncio.FIRST_COMPLETED)
            if called.done() and not self._why:
                await _let_leave(child, gone)
            # Who holds a pipe of a process that is gone is a child of its own.
            await asyncio.wait({gone, *others}, timeout=PIPE_GRACE_S)
        except asyncio.CancelledError:
            await _let_leave(child, gone)
            raise
        finally:
            child.kill()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(gone), KILL_LIMIT_S)
            for task in (gone, called, *others):
                task.cancel()
            await asyncio.wait({gone, called, *others})
            await _empty(child)
        if gone.cancelled():
            self._logger.error("process %d does not end, not even when killed", child.pid)
            return None
        return gone.result()

    async def _talk(self, child: Child) -> None:
        try:
            await self._attend(child)
        except HobError as error:
            self._why = self._why or error.message
        except Exception:
            self._why = self._why or "A part of Hob itself has failed."
            self._logger.exception("the talk with process %d has failed", child.pid)


async def _empty(child: Child) -> None:
    """A pipe is closed when it has been read to its end, and not before."""
    rest = {asyncio.create_task(_drop(pipe)) for pipe in (child.stdout, child.stderr)}
    _, late = await asyncio.wait(rest, timeout=PIPE_GRACE_S)
    for task in late:
        task.cancel()


async def _let_leave(child: Child, gone: asyncio.Task[int]) -> None:
    child.stdin.close()
    await asyncio.wait({gone}, timeout=LEAVE_S)
