"""Runs of actions, calls of tools, and requests to rewrite: each on threads of its own."""

from __future__ import annotations

import asyncio
import inspect
import json
import threading
from collections.abc import Callable
from typing import Any

import msgspec

from hob.errors import ActionNotFound, Cancelled, HobError, InvalidRequest, ToolNotFound
from hob.plugins.host.blame import blamed, broken, log_traceback
from hob.plugins.host.calls import Calls
from hob.plugins.host.catalogue import Offer
from hob.plugins.host.made import take
from hob.plugins.host.plugin import Plugin
from hob.plugins.host.run_context import MAX_MADE_CHARS, RunContext
from hob.plugins.values import Action, Tool
from hob.wire.base import ErrorInfo
from hob.wire.plugin_host import (
    CallTool,
    FromHostMessage,
    Rewrite,
    Rewritten,
    RunAction,
    RunEvent,
    ToolResult,
)
from hob.wire.plugins import ActionEvent, ActionFailed, ActionFinished, ActionStarted

_TICK_S = 0.05

Failed = Callable[[Plugin, str, HobError], None]


class Runs:
    """`offer` gives what there is now; `failed` is told of each failure that is a plugin's."""

    def __init__(
        self,
        send: Callable[[FromHostMessage], None],
        calls: Calls,
        offer: Callable[[], Offer],
        make_run: Callable[[Plugin, str, str], RunContext],
        failed: Failed,
    ) -> None:
        self._send = send
        self._calls = calls
        self._offer = offer
        self._make_run = make_run
        self._failed = failed
        self._live: dict[str, tuple[RunContext, Plugin, Action]] = {}
        self._lock = threading.Lock()
        self._some = threading.Event()
        threading.Thread(target=self._watch, name="runs", daemon=True).start()

    # ---- actions ----

    def start(self, order: RunAction) -> None:
        """Run an action; returns at once. Its events are sent as they come."""

        def tell(event: ActionEvent) -> None:
            self._send(RunEvent(id=order.id, event=event))

        name = order.request.action
        found = self._offer().actions.get(name)
        if found is None:
            error = ActionNotFound(
                f"There is no action {name}.",
                hint="`hob action list` shows those that there are.",
                param="action",
            )
            tell(ActionFailed(error=ErrorInfo.of(error)))
            return
        plugin, action = found
        run = self._make_run(plugin, order.request.desktop, order.request.model)
        run.begin(action, order.request, tell)
        with self._lock:
            self._live[order.id] = (run, plugin, action)
        self._some.set()
        threading.Thread(
            target=self._run, args=(order.id, run, plugin, action), daemon=True
        ).start()

    def cancel(self, id: str) -> None:
        with self._lock:
            live = self._live.get(id)
        if live is not None:
            live[0].waits.cancel()

    @property
    def live(self) -> int:
        with self._lock:
            return len(self._live)

    def _run(self, id: str, run: RunContext, plugin: Plugin, action: Action) -> None:
        what = f"the action {action.name}"
        title, shows = action.title, action.shows
        run._send(
            ActionStarted(id=id, action=action.name, plugin=plugin.name, title=title, shows=shows)
        )
        end: ActionEvent = ActionFinished()
        try:
            with self._calls.inside(plugin.name, what):
                if action.opens is not None:
                    run.open(action.opens)
                elif action.run is not None:
                    take(action.run(run), run.add)
        except BaseException as error:  # SystemExit and KeyboardInterrupt end nothing here
            known = blamed(plugin.name, what, error)
            if run.waits.cancelled:
                known = Cancelled("The action was taken back.")
            elif not isinstance(error, HobError):
                log_traceback(plugin.name, what, error)
                self._failed(plugin, what, known)
            end = ActionFailed(error=ErrorInfo.of(known))
        with self._lock:
            self._live.pop(id, None)
        run.end(end)

    def _watch(self) -> None:
        """Send text that waits for more, and end the runs that show no sign of life."""
        pause = threading.Event()
        while True:
            self._some.wait()
            pause.wait(_TICK_S)
            with self._lock:
                live = list(self._live.items())
                if not live:
                    self._some.clear()
            for id, (run, plugin, action) in live:
                run.flush(only_after_s=_TICK_S)
                if run.idle_s() > action.timeout_s:
                    self._give_up(id, run, plugin, action)

    def _give_up(self, id: str, run: RunContext, plugin: Plugin, action: Action) -> None:
        what = f"the action {action.name}"
        error = broken(plugin.name, what, f"it did nothing for {action.timeout_s:g} s")
        with self._lock:
            self._live.pop(id, None)
        run.end(ActionFailed(error=ErrorInfo.of(error)))
        run.waits.cancel()
        self._failed(plugin, what, error)

    # ---- tools ----

    def call_tool(self, order: CallTool) -> None:
        """Call a tool for a model; returns at once."""
        threading.Thread(target=self._call_tool, args=(order,), daemon=True).start()

    def _call_tool(self, order: CallTool) -> None:
        found = self._offer().tools.get(order.tool)
        if found is None:
            missing = ToolNotFound(f"There is no tool {order.tool}.", param="hob_tools")
            self._send(ToolResult(id=order.id, error=ErrorInfo.of(missing)))
            return
        plugin, tool = found
        what = f"the tool {tool.name}"
        try:
            arguments = _arguments(order.arguments)
            made = self._calls.call(
                plugin.name, what, lambda: _called(tool, plugin, arguments), tool.timeout_s
            )
            if len(made) > MAX_MADE_CHARS:
                raise broken(plugin.name, what, f"it made more than {MAX_MADE_CHARS} characters")
        except HobError as error:
            if not isinstance(error, InvalidRequest):
                self._failed(plugin, what, error)
            self._send(ToolResult(id=order.id, error=ErrorInfo.of(error)))
            return
        self._send(ToolResult(id=order.id, text=made))

    # ---- rewriting ----

    def rewrite(self, order: Rewrite) -> None:
        """Have each plugin that wants to rewrite the request, one after the other."""
        threading.Thread(target=self._rewrite, args=(order,), daemon=True).start()

    def _rewrite(self, order: Rewrite) -> None:
        request, by = order.request, []
        offer = self._offer()
        wanted = [p for p in offer.plugins if p.name in offer.catalogue.rewriters]
        for plugin in wanted:
            if plugin.name == order.asker:
                continue
            try:
                changed = self._rewritten(plugin, request)
            except HobError as error:
                self._failed(plugin, "rewrite_request", error)
                continue
            if changed is not None and changed != request:
                request = changed
                by.append(plugin.name)
        self._send(Rewritten(id=order.id, request=request if by else None, by=tuple(by)))

    def _rewritten(self, plugin: Plugin, request: dict[str, Any]) -> dict[str, Any] | None:
        # A copy: what a plugin changes in place, and does not return, is not meant.
        copy = json.loads(json.dumps(request))
        results = plugin.call("rewrite_request", request=copy, context=plugin.context)
        for result in results:
            if result is None:
                continue
            try:
                plain = msgspec.json.decode(msgspec.json.encode(result))
            except (msgspec.MsgspecError, TypeError, ValueError, RecursionError) as error:
                raise broken(plugin.name, "rewrite_request", "it returns no JSON") from error
            if not isinstance(plain, dict):
                raise broken(plugin.name, "rewrite_request", "it returns no object")
            return plain
        return None


def _arguments(text: str) -> dict[str, Any]:
    """What the model gives the tool; it may write anything."""
    try:
        arguments = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("The arguments are no JSON.", param="arguments") from error
    if not isinstance(arguments, dict):
        raise InvalidRequest("The arguments are no object.", param="arguments")
    return {str(name): value for name, value in arguments.items()}


def _called(tool: Tool, plugin: Plugin, arguments: dict[str, Any]) -> str:
    try:
        inspect.signature(tool.run).bind(plugin.context, **arguments)
    except TypeError as error:
        raise InvalidRequest(
            f"The arguments are not those of the tool {tool.name}: {error}.", param="arguments"
        ) from error
    made = tool.run(plugin.context, **arguments)
    if inspect.isawaitable(made):
        made = asyncio.run(_awaited(made))
    if isinstance(made, str):
        return made
    return json.dumps(made, ensure_ascii=False, default=str)


async def _awaited(made: Any) -> Any:
    return await made
