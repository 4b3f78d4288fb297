"""The process of the plugins as the daemon keeps it: its lives, what it has told, what it is asked,
and which plugin is to blame when it ends."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hob.children.spawn import Child, Spawn, spawn
from hob.companions import plugin_words
from hob.companions.backoff import Policy
from hob.companions.keeper import End, Keeper
from hob.companions.plugin_blame import Inside, Strikes, in_doubt, strike
from hob.companions.plugin_life import Health, Life
from hob.companions.plugin_runs import Reply, Waiting
from hob.companions.plugin_shelf import Shelf
from hob.errors import HobError
from hob.wire.base import ErrorInfo
from hob.wire.events import Event, PluginFailed, PluginsChanged
from hob.wire.plugin_host import (
    PROTOCOL,
    Begin,
    CancelRun,
    Catalogue,
    Entered,
    FromHostMessage,
    Left,
    Managed,
    Misbehaved,
    Rewritten,
    RunEvent,
    ToHostMessage,
    ToolResult,
)

HOST_ARGV: tuple[str, ...] = (sys.executable, "-P", "-m", "hob.plugins.host")

# How long a person waits for plugins that are still being loaded: for a list, and for a run.
SETTLE_S = 4.0
READY_S = 30.0

_log = logging.getLogger("hob.plugins")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostOptions:
    """Where things are; see Begin. `enabled` false: no process is started at all."""

    socket: str
    folder: Path
    settings_file: Path
    storage: Path
    enabled: bool = True
    argv: Sequence[str] = HOST_ARGV
    health: Health = field(default_factory=Health)
    policy: Policy = field(default_factory=Policy)


class PluginProcess:
    """`changed` is told of each catalogue that says something new."""

    def __init__(
        self,
        options: HostOptions,
        publish: Callable[[Event], None],
        changed: Callable[[Catalogue], None],
        spawn: Spawn = spawn,
    ) -> None:
        self.shelf = Shelf(str(options.folder), str(options.settings_file))
        self.waiting = Waiting()
        self.life: Life | None = None
        self._options = options
        self._publish = publish
        self._changed = changed
        self._strikes: Strikes = {}
        self._in_doubt = False
        # Set while it is known what there is: the plugins, or a reason why there are none.
        self._settled = asyncio.Event()
        self._keeper = Keeper(
            options.argv,
            logger=_log,
            attend=self._attend,
            ended=self._ended,
            policy=options.policy,
            spawn=spawn,
        )
        if not options.enabled:
            self.shelf.problem = plugin_words.turned_off()
            self._settled.set()

    @property
    def pid(self) -> int | None:
        return self._keeper.pid

    async def run(self) -> None:
        """Keep it running until cancelled; it is gone then."""
        if not self._options.enabled:
            self._changed(self.shelf.catalogue)
            return
        try:
            await self._keeper.run()
        finally:
            self.shelf.problem = plugin_words.stopping()
            self._settled.set()
            self.waiting.fail(self.shelf.problem)

    async def settled(self) -> None:
        """Wait, not for long, until the plugins are loaded or it is known that they are not."""
        try:
            await asyncio.wait_for(self._settled.wait(), SETTLE_S)
        except TimeoutError:
            return

    async def ready(self) -> Life:
        """The process with its plugins loaded. Raises PluginsUnavailable or ShuttingDown."""
        try:
            async with asyncio.timeout(READY_S):
                while True:
                    await self._settled.wait()
                    if self.shelf.problem is not None:
                        raise self.shelf.problem
                    if self.life is not None and self.life.ready:
                        return self.life
                    self._settled.clear()
        except TimeoutError as error:
            raise plugin_words.loading() from error

    async def ask(
        self, life: Life, question: Callable[[str], ToHostMessage], limit_s: float, what: str
    ) -> Reply:
        """Raises PluginsUnavailable when there is no reply in time. Leaving takes it back."""
        with self.waiting.question() as (id_, reply):
            life.send(question(id_))
            try:
                async with asyncio.timeout(limit_s):
                    return await reply
            except TimeoutError as error:
                life.silent = True
                life.tell(CancelRun(id=id_))
                raise plugin_words.no_reply(what, limit_s) from error
            except asyncio.CancelledError:
                life.tell(CancelRun(id=id_))
                raise

    def wake(self) -> None:
        """Start it without a pause, if it rests."""
        if self._keeper.state == "resting":
            self.shelf.problem = None
            self._settled.clear()
            self._keeper.revive()

    def forgive(self, plugin: str) -> None:
        """Nothing is held against it any more."""
        self.shelf.let_in(plugin)
        self._strikes = {name: times for name, times in self._strikes.items() if name != plugin}

    def failed(self, inside: Inside, error: HobError, *, suspended: bool = False) -> None:
        """Tell everybody that a plugin has failed."""
        _log.warning("plugin %s, %s: %s", inside.plugin, inside.hook, error)
        self._publish(
            PluginFailed(
                at=time.time(),
                plugin=inside.plugin,
                hook=inside.hook,
                error=ErrorInfo.of(error),
                suspended=suspended,
            )
        )

    # ---- one life ----

    async def _attend(self, child: Child) -> None:
        options = self._options
        begin = Begin(
            protocol=PROTOCOL,
            socket=options.socket,
            folder=str(options.folder),
            settings_file=str(options.settings_file),
            storage=str(options.storage),
            without=dict(self.shelf.without),
            one_by_one=self._in_doubt,
        )
        self.life = Life(child, options.health, self._hear)
        await self.life.attend(begin, self._keeper.kill)

    def _hear(self, message: FromHostMessage) -> None:
        life = self.life
        assert life is not None
        match message:
            case Entered(number=number, plugin=plugin, hook=hook):
                life.entries.enter(number, plugin, hook)
            case Left(number=number):
                life.entries.leave(number)
            case RunEvent(id=id_, event=event):
                self.waiting.event(id_, event)
            case ToolResult() | Rewritten() | Managed():
                self.waiting.reply(message)
            case Misbehaved(plugin=plugin, hook=hook, error=error, suspended=suspended):
                self.failed(Inside(plugin, hook), error.error(), suspended=suspended)
            case Catalogue():
                life.ready = True
                self._take(message)

    def _take(self, catalogue: Catalogue) -> None:
        news = self.shelf.take(catalogue)
        self._settled.set()
        if news:
            self._changed(catalogue)
            self._publish(PluginsChanged(at=time.time()))

    def _ended(self, end: End) -> None:
        """Tell whoever waits, name the plugin, and keep it out when it does so again."""
        life, self.life = self.life, None
        suspects = life.entries.suspects() if life else ()
        _log.error("the process of the plugins ended (%s)", plugin_words.cause(end))
        self._in_doubt = in_doubt(self._in_doubt, suspects, end.lived_s)
        found = self._blame(suspects, end)
        self.waiting.fail(
            plugin_words.gone(suspects, end),
            {one.plugin: plugin_words.brought_down(one, end) for one in suspects},
        )
        if found:
            self._keeper.revive()  # what has ended it so often is out now
        if (end.resting and not found) or end.problem:
            self.shelf.problem = plugin_words.not_running(end, self.shelf.added())
            self._settled.set()
        else:
            self._settled.clear()
        self._publish(PluginsChanged(at=time.time()))

    def _blame(self, suspects: Sequence[Inside], end: End) -> bool:
        """Whether a plugin is kept out from now on."""
        self._strikes, guilty = strike(self._strikes, suspects, time.monotonic())
        if not guilty:
            for inside in suspects[:1]:
                self.failed(inside, plugin_words.brought_down(inside, end))
            return False
        inside = next(one for one in suspects if one.plugin == guilty)
        error = plugin_words.kept_out(inside, end)
        self.shelf.keep_out(guilty, ErrorInfo.of(error))
        self.failed(inside, error, suspended=True)
        return True
