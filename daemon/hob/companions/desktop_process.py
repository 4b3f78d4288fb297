"""The desktop that the daemon starts: where there is a screen, and none is attached there yet."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Callable, Sequence

from hob.children.spawn import Spawn, spawn
from hob.companions.backoff import Policy
from hob.companions.desk import Desk
from hob.companions.keeper import End, Keeper
from hob.display import DesktopExit, Display, NoDisplay, find_display, has_qt
from hob.errors import NoDesktop
from hob.wire.base import ErrorInfo

COMMAND = (sys.executable, "-P", "-m", "hob.desktop", "--companion")

# How often a screen is looked for that is named but does not answer, or a session that is taken.
_LOOK_AGAIN_S = 15.0
_FINAL_CODES = frozenset(DesktopExit)
_SAID = "hob: "
_BY_HAND = "`hob desktop` starts it."
_ON_A_SCREEN = "Run `hob desktop` in a session with a screen."
_INSTALL = "Install Hob with its extra: `pip install 'hob-daemon[desktop]'`."

_log = logging.getLogger("hob.desktop")


class DesktopProcess:
    """One desktop process on this session's screen, restarted when it dies; `run` owns it.

    It outlives the daemon when that is killed, and finds its way to the next one. So it may be
    there before the daemon is, as may one that was started by hand: then none is started.
    """

    def __init__(
        self,
        desk: Desk,
        *,
        wanted: bool = True,
        find: Callable[[], Display | NoDisplay] = find_display,
        installed: Callable[[], bool] = has_qt,
        command: Sequence[str] = COMMAND,
        policy: Policy | None = None,
        spawn: Spawn = spawn,
        look_again_s: float = _LOOK_AGAIN_S,
    ) -> None:
        self._desk = desk
        self._wanted = wanted
        self._find = find
        self._installed = installed
        self._command = command
        self._policy = policy
        self._spawn = spawn
        self._look_again_s = look_again_s
        self._problem: ErrorInfo | None = None
        self._news = asyncio.Event()

    @property
    def problem(self) -> ErrorInfo | None:
        """Why there is no desktop."""
        return self._problem

    async def run(self) -> None:
        """Until cancelled; the process is gone then. Ends early where there never can be one."""
        self._desk.watchers.append(self._news.set)
        if not self._wanted:
            self._say("Hob starts no desktop by itself, as `desktop.start` is off.", _BY_HAND)
            return
        found = await asyncio.to_thread(self._find)
        if isinstance(found, Display) and not await asyncio.to_thread(self._installed):
            self._say("Hob's desktop is not installed.", _INSTALL)
            return
        while not (isinstance(found, NoDisplay) and found.for_good):
            if isinstance(found, Display):
                if await self._stay(found.session) == DesktopExit.UNFIT:
                    return
            else:
                self._say(f"{found.why} So Hob runs without its desktop.", _ON_A_SCREEN)
                await self._wait_for_news(self._look_again_s)
            found = await asyncio.to_thread(self._find)
        self._say(f"{found.why} So Hob runs without its desktop.", _ON_A_SCREEN)

    async def _stay(self, session: str) -> int:
        """Keep a desktop on that screen until it ends for a reason; which is returned."""
        while self._desk.has(session) or self._desk.is_over(session):
            await self._wait_for_news(None)
        self._problem = None
        final: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def ended(end: End) -> None:
            self._note(end)
            if end.exit_code in _FINAL_CODES and not final.done():
                final.set_result(end.exit_code)

        keeper = Keeper(
            self._command,
            logger=_log,
            ended=ended,
            policy=self._policy,
            final_codes=_FINAL_CODES,
            spawn=self._spawn,
        )
        async with asyncio.TaskGroup() as group:
            life = group.create_task(keeper.run())
            try:
                code = await final
            finally:
                life.cancel()
        if code == DesktopExit.QUIT:
            self._desk.mark_over(session)
        elif code != DesktopExit.UNFIT and not self._desk.has(session):
            # The screen is as good as gone, or taken by one that is not attached, or not yet.
            await self._wait_for_news(self._look_again_s)
        return code

    def _note(self, end: End) -> None:
        said = next((line for line in reversed(end.last_lines) if line.startswith(_SAID)), "")
        if end.exit_code == DesktopExit.QUIT:
            self._problem = _info("Hob's desktop was quit.", _BY_HAND)
        elif end.exit_code in _FINAL_CODES:
            self._problem = _info(said.removeprefix(_SAID) or "Hob's desktop cannot start here.")
        elif not end.asked:
            why = end.problem or f"exit code {end.exit_code}"
            self._problem = _info(
                f"Hob's desktop ended by itself ({why}).", "`hob logs` shows why."
            )
            _log.warning("the desktop ended (%s) after %.1f s", why, end.lived_s)

    async def _wait_for_news(self, limit_s: float | None) -> None:
        """Until a desktop comes, goes or tells something, or for so long."""
        self._news.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._news.wait()

    def _say(self, message: str, hint: str) -> None:
        """Once for each reason, in the log and to whoever asks."""
        problem = _info(message, hint)
        if problem != self._problem:
            self._problem = problem
            _log.info("%s %s", message, hint)


def _info(message: str, hint: str = "") -> ErrorInfo:
    return ErrorInfo.of(NoDesktop(message, hint=hint))
