"""Starting a process: the one place that knows which operating system this is."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

# A crash in native code then leaves a stack on stderr, and text has one encoding everywhere.
_EXTRA_ENVIRONMENT = {"PYTHONFAULTHANDLER": "1", "PYTHONUTF8": "1"}


class Child(Protocol):
    """A started process with its three pipes."""

    @property
    def pid(self) -> int: ...

    @property
    def stdin(self) -> asyncio.StreamWriter: ...

    @property
    def stdout(self) -> asyncio.StreamReader: ...

    @property
    def stderr(self) -> asyncio.StreamReader: ...

    async def wait(self) -> int:
        """The exit code; on POSIX a signal is its negative number."""

    def kill(self) -> None:
        """End the process and everything it started, now. Nothing happens when it is gone."""


Spawn = Callable[[Sequence[str]], Awaitable[Child]]


async def spawn(argv: Sequence[str], *, environ: Mapping[str, str] | None = None) -> Child:
    """Start the program, so that it cannot outlive the daemon's interest in it. `environ` is what
    it gets beside the daemon's own environment.

    Raises OSError when it cannot be started.
    """
    environment = os.environ | _EXTRA_ENVIRONMENT | dict(environ or {})
    if sys.platform == "win32":
        from hob.children.spawn_windows import spawn_child
    else:
        from hob.children.spawn_posix import spawn_child
    return await spawn_child(argv, environment)
