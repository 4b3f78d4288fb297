"""The plugins as the API sees them: scripted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hob.errors import ActionNotFound, HobError, PluginNotFound, ToolNotFound
from hob.wire.base import ErrorInfo
from hob.wire.plugins import (
    ActionEvent,
    ActionFinished,
    ActionInfo,
    ActionList,
    ActionRequest,
    ActionStarted,
    ActionText,
    PluginInfo,
    PluginList,
    ToolInfo,
    ToolList,
)

T = TypeVar("T")


@dataclass
class FakePlugins:
    """One plugin with one action and one tool. `script` is what an action tells after its start:
    events, a gate to wait for, or an error to raise; `left` is set when a run was left early."""

    plugins: list[PluginInfo] = field(
        default_factory=lambda: [
            PluginInfo(name="notes", title="Notes", enabled=True, state="on", actions=("shout",))
        ]
    )
    known: list[ActionInfo] = field(
        default_factory=lambda: [ActionInfo(name="shout", plugin="notes", title="Shout")]
    )
    offered: list[ToolInfo] = field(
        default_factory=lambda: [
            ToolInfo(name="add", plugin="notes", help="Adds.", parameters='{"type":"object"}')
        ]
    )
    problem: ErrorInfo | None = None
    refusal: HobError | None = None
    script: list[ActionEvent | asyncio.Event] = field(
        default_factory=lambda: [ActionText(text="HELLO"), ActionFinished()]
    )
    left: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[ActionRequest] = field(default_factory=list)
    managed: list[tuple[str, str, str, str | None]] = field(default_factory=list)
    called: list[tuple[str, str]] = field(default_factory=list)
    # What tools do, if something particular.
    tool: Callable[[str, str], Awaitable[str]] | None = None
    # What a rewriting plugin does with a request; None for no such plugin.
    rewriter: Callable[[dict[str, Any]], dict[str, Any] | None] | None = None
    askers: list[str] = field(default_factory=list)
    refused: list[HobError] = field(default_factory=list)

    async def settled(self) -> None:
        return

    def listing(self) -> PluginList:
        return PluginList(
            plugins=tuple(self.plugins),
            folder="/plugins",
            settings_file="/plugins.toml",
            problem=self.problem,
        )

    def plugin(self, name: str) -> PluginInfo:
        for info in self.plugins:
            if info.name == name:
                return info
        if self.problem is not None:
            raise self.problem.error()
        raise PluginNotFound(f"There is no plugin {name!r}.", param="plugin")

    def actions(self) -> ActionList:
        return ActionList(actions=tuple(self.known))

    def tools(self) -> ToolList:
        return ToolList(tools=tuple(self.offered))

    async def manage(
        self, verb: str, name: str, *, setting: str = "", value: str | None = None
    ) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.managed.append((verb, name, setting, value))

    async def run(self, request: ActionRequest) -> AsyncIterator[ActionEvent]:
        self.asked.append(request)
        for action in self.known:
            if action.name == request.action:
                return self._events(action)
        raise ActionNotFound(f"There is no action {request.action!r}.", param="action")

    async def _events(self, action: ActionInfo) -> AsyncIterator[ActionEvent]:
        try:
            yield ActionStarted(
                id="run-1", action=action.name, plugin=action.plugin, title=action.title
            )
            for step in self.script:
                if isinstance(step, asyncio.Event):
                    await step.wait()
                else:
                    yield step
        except (GeneratorExit, asyncio.CancelledError):
            self.left.set()
            raise

    async def call_tool(self, name: str, arguments: str) -> str:
        self.called.append((name, arguments))
        if self.tool is not None:
            return await self.tool(name, arguments)
        if all(tool.name != name for tool in self.offered):
            raise ToolNotFound(f"There is no tool {name!r}.")
        return f"{name} {arguments}"

    @property
    def rewrites(self) -> bool:
        return self.rewriter is not None

    async def rewrite(
        self, request: dict[str, Any], check: Callable[[dict[str, Any]], T], *, asker: str = ""
    ) -> T | None:
        self.askers.append(asker)
        if self.rewriter is None or (changed := self.rewriter(request)) is None:
            return None
        try:
            return check(changed)
        except HobError as error:
            self.refused.append(error)
            return None
