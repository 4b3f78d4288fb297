"""What plugins offer to the rest of the daemon; they run in a process of their own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

import msgspec

from hob.children.spawn import Spawn, spawn
from hob.companions import plugin_words
from hob.companions.plugin_blame import Inside
from hob.companions.plugin_process import HostOptions, PluginProcess
from hob.companions.plugin_runs import Reply
from hob.errors import HobError
from hob.wire.base import ErrorInfo
from hob.wire.events import Event, PluginFailed
from hob.wire.plugin_host import (
    CallTool,
    CancelRun,
    Catalogue,
    Manage,
    Managed,
    ManageVerb,
    Rewrite,
    Rewritten,
    RunAction,
    Tell,
    ToolResult,
)
from hob.wire.plugins import (
    ActionEvent,
    ActionFailed,
    ActionInfo,
    ActionList,
    ActionRequest,
    PluginInfo,
    PluginList,
    ToolList,
)

REWRITE_HOOK = "rewrite_request"
EVENT_HOOK = "on_event"

# The process has deadlines of its own for all of these; ours are for a process without them.
MANAGE_S = 60.0
TOOL_S = 600.0
REWRITE_EACH_S = 2.0
REWRITE_MORE_S = 1.0

_log = logging.getLogger("hob.plugins")
T = TypeVar("T")
Subscribe = Callable[[], AbstractAsyncContextManager[AsyncIterator[Event]]]


class PluginHost:
    """Fits ports.Plugins. `changed` is told of each catalogue that says something new, and of an
    empty one when plugins are turned off."""

    def __init__(
        self,
        options: HostOptions,
        publish: Callable[[Event], None],
        subscribe: Subscribe,
        changed: Callable[[Catalogue], None] = lambda _: None,
        *,
        spawn: Spawn = spawn,
    ) -> None:
        self._subscribe = subscribe
        self._process = PluginProcess(options, publish, changed, spawn)
        self._shelf = self._process.shelf

    @property
    def pid(self) -> int | None:
        """Of the process that runs the plugins."""
        return self._process.pid

    async def live(self) -> None:
        """Keep the process running until cancelled; it is gone then."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._process.run())
            group.create_task(self._tell_facts())

    # ---- ports.Plugins ----

    async def settled(self) -> None:
        """Wait, not for long, until the plugins are loaded or it is known that they are not."""
        await self._process.settled()

    def listing(self) -> PluginList:
        return self._shelf.listing()

    def plugin(self, name: str) -> PluginInfo:
        return self._shelf.plugin(name)

    def actions(self) -> ActionList:
        return ActionList(actions=self._shelf.catalogue.actions)

    def tools(self) -> ToolList:
        return ToolList(tools=self._shelf.catalogue.tools)

    async def manage(
        self, verb: ManageVerb, name: str, *, setting: str = "", value: str | None = None
    ) -> None:
        """Change something of a plugin, or the hotkey of an action; see ports.Plugins."""
        self._process.wake()
        life = await self._process.ready()
        if verb in ("enable", "reload"):
            self._process.forgive(name)
        reply = await self._process.ask(
            life,
            lambda id_: Manage(id=id_, verb=verb, name=name, setting=setting, value=value),
            MANAGE_S,
            "do that",
        )
        if not isinstance(reply, Managed):
            raise plugin_words.out_of_turn()
        _raise(reply.error)

    async def run(self, request: ActionRequest) -> AsyncGenerator[ActionEvent, None]:
        """The events of one run of an action. Raises PluginError when it cannot begin."""
        await self._process.ready()
        return self._events(self._shelf.action(request.action), request)

    async def call_tool(self, name: str, arguments: str) -> str:
        """What the tool says; `arguments` is JSON. Raises PluginError."""
        life = await self._process.ready()
        self._shelf.tool(name)
        reply = await self._process.ask(
            life,
            lambda id_: CallTool(id=id_, tool=name, arguments=arguments),
            TOOL_S,
            f"run the tool {name}",
        )
        if not isinstance(reply, ToolResult):
            raise plugin_words.out_of_turn()
        _raise(reply.error)
        return reply.text

    @property
    def rewrites(self) -> bool:
        life = self._process.life
        return life is not None and life.ready and bool(self._shelf.catalogue.rewriters)

    async def rewrite(
        self, request: dict[str, Any], check: Callable[[dict[str, Any]], T], *, asker: str = ""
    ) -> T | None:
        """What plugins make of a chat request; see ports.Plugins."""
        rewriters = [name for name in self._shelf.catalogue.rewriters if name != asker]
        reply = await self._rewritten(request, rewriters, asker)
        if not isinstance(reply, Rewritten) or reply.request is None:
            return None
        by = reply.by or rewriters
        # What comes of it, such as a prompt that is too long, is not told with their names.
        _log.info("a request was rewritten by %s", ", ".join(by))
        try:
            return check(reply.request)
        except HobError as error:
            for name in by:
                bad = plugin_words.bad_rewrite(name, error.message)
                self._process.failed(Inside(name, REWRITE_HOOK), bad)
            return None

    # ---- how ----

    async def _rewritten(
        self, request: dict[str, Any], rewriters: list[str], asker: str
    ) -> Reply | None:
        """Nobody waits for a process that has let somebody wait in vain."""
        life = self._process.life
        if life is None or not life.ready or life.silent or not rewriters:
            return None
        if asker and life.entries.within(asker, REWRITE_HOOK):
            return None  # else two plugins that ask while they rewrite would never come to an end
        limit = REWRITE_EACH_S * len(rewriters) + REWRITE_MORE_S
        try:
            return await self._process.ask(
                life,
                lambda id_: Rewrite(id=id_, request=request, asker=asker),
                limit,
                "rewrite a request",
            )
        except HobError as error:
            _log.warning("a request goes on as it was: %s", error)
            for inside in life.entries.suspects():
                if inside.hook == REWRITE_HOOK:
                    self._process.failed(inside, error)
            return None

    async def _events(
        self, action: ActionInfo, request: ActionRequest
    ) -> AsyncGenerator[ActionEvent, None]:
        """It begins with the first event that is asked for, so that one which nobody asks for
        leaves nothing behind."""
        try:
            life = await self._process.ready()
            with self._process.waiting.run(action.plugin) as (id_, run):
                life.send(RunAction(id=id_, request=request))
                try:
                    while (event := await run.next()) is not None:
                        yield event
                finally:
                    if not run.over:
                        life.tell(CancelRun(id=id_))
        except HobError as error:
            yield ActionFailed(error=ErrorInfo.of(error))

    async def _tell_facts(self) -> None:
        """Every fact, while a plugin listens; a process that does not read misses some."""
        async with self._subscribe() as facts:
            async for fact in facts:
                life = self._process.life
                if life is None or not life.ready or not self._shelf.catalogue.listens:
                    continue
                if isinstance(fact, PluginFailed) and fact.hook == EVENT_HOOK:
                    continue  # a listener that fails at this would be told of that without end
                life.tell(Tell(fact=msgspec.to_builtins(fact)))


def _raise(error: ErrorInfo | None) -> None:
    if error is not None:
        raise error.error()
