"""The child process and its three pipes: bytes to messages, and the one report of its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from hob.children.lines import LineLog
from hob.children.spawn import Child, Spawn
from hob.errors import ProtocolError
from hob.wire.engine import FromWorker, ToWorker, from_worker_decoder
from hob.wire.frames import FrameReader, encode_frame

WORKER_ARGV: tuple[str, ...] = (sys.executable, "-P", "-m", "hob.engine")
READ_BYTES = 64 * 1024
# A healthy process ends and closes its pipes together; this long we wait for the other half.
PIPE_GRACE_S = 1.0
# A process that a driver holds in the kernel may not even die of SIGKILL.
KILL_LIMIT_S = 5.0


@dataclass(frozen=True, slots=True)
class Said:
    """A message of the worker."""

    message: FromWorker


@dataclass(frozen=True, slots=True)
class Babbled:
    """The worker sent something that is not the protocol; nothing more is read from it."""

    error: ProtocolError


@dataclass(frozen=True, slots=True)
class Ended:
    """The process is gone. `exit_code` None: it could not be started (`problem`) or waited for."""

    exit_code: int | None
    problem: str = ""


FromLink = Said | Babbled | Ended


class Link:
    """One life of one worker process. `run` posts Ended once, as the last, unless cancelled."""

    def __init__(
        self,
        spawn: Spawn,
        argv: Sequence[str],
        post: Callable[[Link, FromLink], None],
        logger: logging.Logger,
    ) -> None:
        self._spawn = spawn
        self._argv = argv
        self._post = post
        self._logger = logger
        self._lines = LineLog(logger)
        self._child: Child | None = None
        self._killed = asyncio.Event()

    @property
    def last_lines(self) -> deque[str]:
        return self._lines.last

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    def hand_over(self, post: Callable[[Link, FromLink], None], logger: logging.Logger) -> None:
        """From now on it is somebody else's."""
        self._post = post
        self._logger = logger
        self._lines.logger = logger

    def send(self, message: ToWorker) -> None:
        """Write without waiting: a wedged worker must not wedge us, and the number of requests
        that may pile up in the pipe is bounded by the pool."""
        if self._child and not self._child.stdin.is_closing():
            self._child.stdin.write(encode_frame(message))

    def kill(self) -> None:
        """End the process group now; Ended follows."""
        self._killed.set()
        if self._child:
            self._child.kill()

    async def run(self) -> None:
        try:
            self._child = await self._spawn(self._argv)
        except OSError as error:
            self._post(self, Ended(None, f"{error.strerror or error}"))
            return
        if self._killed.is_set():
            self._child.kill()
        try:
            exit_code = await self._attend(self._child)
        except asyncio.CancelledError:
            self._child.kill()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._child.wait(), KILL_LIMIT_S)
            raise
        finally:
            self._child.stdin.close()
        self._post(self, Ended(exit_code))

    async def _attend(self, child: Child) -> int | None:
        """Read both pipes until the process is gone. Returns its exit code, None if unknown."""
        async with asyncio.TaskGroup() as group:
            gone = group.create_task(child.wait())
            frames = group.create_task(self._read_frames(child.stdout))
            lines = group.create_task(self._lines.read(child.stderr))
            killed = group.create_task(self._killed.wait())
            await asyncio.wait({gone, frames, killed}, return_when=asyncio.FIRST_COMPLETED)
            _, late = await asyncio.wait({gone, frames, lines}, timeout=PIPE_GRACE_S)
            if frames.done() and gone in late:
                self._post(self, Babbled(ProtocolError("The model's process closed its pipe.")))
            if late:
                # Alive but mute, or a child of its own still holds the pipes.
                child.kill()
                await asyncio.wait({gone}, timeout=KILL_LIMIT_S)
            for task in (gone, frames, lines, killed):
                task.cancel()
        if gone.cancelled():
            self._logger.error("process %d does not end, not even when killed", child.pid)
            return None
        return gone.result()

    async def _read_frames(self, stdout: asyncio.StreamReader) -> None:
        reader = FrameReader()
        try:
            while data := await stdout.read(READ_BYTES):
                for body in reader.feed(data):
                    self._post(self, Said(from_worker_decoder.decode(body)))
        except ProtocolError as error:
            self._post(self, Babbled(error))
        except (msgspec.MsgspecError, RecursionError) as error:
            problem = ProtocolError(
                "The model's process sent something that Hob does not understand.",
                hint="If Hob was updated just now, restart it with `hob restart`.",
            )
            problem.__cause__ = error
            self._post(self, Babbled(problem))
