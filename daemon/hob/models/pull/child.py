"""The daemon's end of the child that talks to the hub."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from hob.errors import DownloadError
from hob.models.gguf.checks import clean
from hob.models.pull.orders import Failed, Order, Result, encoder, line_decoder
from hob.wire.pulls import PullProgress

_log = logging.getLogger(__name__)

COMMAND: tuple[str, ...] = (sys.executable, "-P", "-m", "hob.models.pull.hub_child")
# A search is one line.
_MAX_LINE_BYTES = 16 * 2**20
_KEPT_STDERR_BYTES = 4096
# On Windows a program without a console would open one for its child.
_NO_WINDOW = int(getattr(subprocess, "CREATE_NO_WINDOW", 0))

R = TypeVar("R", bound=Result)


class HubChild:
    """Runs orders, each in a process of its own that is gone when `run` returns or is cancelled."""

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        self._command = tuple(command)

    async def run(
        self,
        order: Order,
        result: type[R],
        report: Callable[[PullProgress], None] = lambda progress: None,
        limit_s: float | None = None,
    ) -> R:
        """The result of the order, `limit_s` seconds from now at the latest.

        Raises what the child says, or DownloadError when it dies or takes too long.
        """
        try:
            async with asyncio.timeout(limit_s):
                line = await self._run(order, report)
        except TimeoutError:
            raise DownloadError(
                "The hub has not answered in time.",
                hint="Check the internet connection and try again.",
            ) from None
        if isinstance(line, Failed):
            raise line.error.error()
        if not isinstance(line, result):
            raise _broke("it answered something else")
        return line

    async def _run(self, order: Order, report: Callable[[PullProgress], None]) -> Result:
        try:
            child = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=_environment(),
                limit=_MAX_LINE_BYTES,
                # A Ctrl-C in the daemon's terminal is not meant for it.
                start_new_session=True,
                creationflags=_NO_WINDOW,
            )
        except OSError as error:
            raise _broke(error.strerror or type(error).__name__) from error
        assert child.stdin is not None
        assert child.stderr is not None
        try:
            async with asyncio.TaskGroup() as tasks:
                said = tasks.create_task(_last_words(child.stderr))
                # Not closed: the end of its stdin tells the child that the daemon is gone.
                child.stdin.write(encoder.encode(order) + b"\n")
                try:
                    result = await _read(child, report)
                except DownloadError:
                    _end(child)
                    await said
                    raise
                said.cancel()
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None
        finally:
            _end(child)
            await child.wait()
        return result


def _end(child: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        child.kill()


async def _read(
    child: asyncio.subprocess.Process, report: Callable[[PullProgress], None]
) -> Result:
    assert child.stdout is not None
    try:
        while data := await child.stdout.readline():
            line = line_decoder.decode(data)
            if not isinstance(line, PullProgress):
                return line
            report(line)
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        raise _broke(type(error).__name__) from error
    raise _broke(f"it ended with {await child.wait()}")


async def _last_words(stderr: asyncio.StreamReader) -> None:
    """Keep the end of what it complains of, for the log of a death; and its pipe empty."""
    kept = b""
    while data := await stderr.read(_KEPT_STDERR_BYTES):
        kept = (kept + data)[-_KEPT_STDERR_BYTES:]
    if kept.strip():
        _log.warning("the download process said: %s", clean(kept.decode(errors="replace")))


def _environment() -> dict[str, str]:
    """The daemon's, without the tokens: the order brings the one that is meant."""
    tokens = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH")
    return {name: value for name, value in os.environ.items() if name not in tokens} | {
        "PYTHONUTF8": "1"
    }


def _broke(why: str) -> DownloadError:
    return DownloadError(
        f"The process that fetches models failed: {why}.",
        hint="Try again; it goes on from where it was. `hob logs` may show more.",
    )
