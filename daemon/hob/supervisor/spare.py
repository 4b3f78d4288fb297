"""A process that is started while another one still ends, so that a switch of models need not wait
for the interpreter and its modules.

There is one at most, it has no model and so takes little memory, and it goes when nobody took it.
Whoever has switched often switches back, so that for a while after a switch there is one ready.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from hob.children.spawn import Spawn
from hob.supervisor.link import FromLink, Link, Said

logger = logging.getLogger(__name__)

# A model that is being ended to make room is gone within the stop limit; then this is taken.
KEPT_S = 15.0
# After a switch: so long after it, when its first answer has begun, and for so long.
AGAIN_AFTER_S = 3.0
KEPT_FOR_ANOTHER_S = 300.0

Post = Callable[[Link, FromLink], None]


class Spare:
    """`spawn(argv)` starts the process."""

    def __init__(self, spawn: Spawn, argv: Sequence[str]) -> None:
        self._spawn = spawn
        self._argv = argv
        self._link: Link | None = None
        self._heard: list[FromLink] = []
        self._runs: dict[Link, asyncio.Task[None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._again: asyncio.TimerHandle | None = None
        self._closed = False

    def prepare(self, kept_s: float = KEPT_S) -> None:
        """Somebody may need a process within `kept_s` seconds."""
        if self._closed:
            return
        loop = asyncio.get_running_loop()
        if self._link is None:
            link = self._link = Link(self._spawn, self._argv, self._hear, logger)
            self._heard = []
            run = self._runs[link] = loop.create_task(link.run(), name="spare worker process")
            run.add_done_callback(lambda _: self._runs.pop(link, None))
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_later(kept_s, self.discard)

    def take_or_make(
        self, post: Post, log: logging.Logger
    ) -> tuple[Link, Coroutine[Any, Any, None]]:
        """The process that was started ahead, or else a new one; the caller runs what comes with
        it. What it says goes to `post`, and what it has said already does at once."""
        if (link := self._link) is None or (run := self._runs.get(link)) is None:
            link = Link(self._spawn, self._argv, post, log)
            return link, link.run()
        self._forget()
        self._prepare_for_another()
        link.hand_over(post, log)
        for item in self._heard:
            post(link, item)
        return link, _follow(run)

    def _prepare_for_another(self) -> None:
        if self._again is not None:
            self._again.cancel()
        loop = asyncio.get_running_loop()
        self._again = loop.call_later(AGAIN_AFTER_S, self.prepare, KEPT_FOR_ANOTHER_S)

    def discard(self) -> None:
        """End it, if nobody has taken it."""
        if self._link is not None:
            self._link.kill()
        self._forget()

    async def aclose(self) -> None:
        """End it for good, and wait until it is gone. Those that were taken are not waited for."""
        self._closed = True
        if self._again is not None:
            self._again.cancel()
        run = self._runs.get(self._link) if self._link is not None else None
        self.discard()
        if run is not None:
            await asyncio.wait({run})

    def _forget(self) -> None:
        self._link = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _hear(self, link: Link, item: FromLink) -> None:
        if link is not self._link:
            return
        if isinstance(item, Said):
            self._heard.append(item)
        else:
            # It failed, or says nonsense; whoever needs one starts its own and is told why.
            self.discard()


async def _follow(run: asyncio.Task[None]) -> None:
    """Run what was taken as if it were one's own: cancelling this ends it."""
    try:
        await asyncio.shield(run)
    except asyncio.CancelledError:
        run.cancel()
        await asyncio.wait({run})
        raise
