"""Runs of actions, calls of tools, and requests to rewrite: each on threads of its own."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from hob.errors import Cancelled, HobError, InvalidRequest
from hob.plugins.host.blame import blamed, broken, log_traceback
from hob.plugins.host.calls import Calls, Overrun, start_thread
from hob.plugins.host.catalogue import Offer
from hob.plugins.host.context import PluginContext
from hob.plugins.host.made import take
from hob.plugins.host.plugin import Plugin
from hob.plugins.host.run_context import RunContext
from hob.plugins.host.tool_calls import call_tool, read_arguments
from hob.plugins.values import Action
from hob.wire.base import ErrorInfo
from hob.wire.plugin_host import (
    MAX_FROM_HOST_BYTES,
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
# How long a run that was taken back may go on.
_CANCEL_S = 5.0
_OVERHEAD_BYTES = 2**16

Failed = Callable[[Plugin, str, HobError], None]


@dataclass
class _Live:
    run: RunContext
    plugin: Plugin
    action: Action
    thread: threading.Thread | None = None
    cancelled_at: float | None = None
    # What whoever waits is told when it was cancelled.
    why: HobError = field(default_factory=lambda: Cancelled("The action was taken back."))

    def cancel(self) -> None:
        self.cancelled_at = self.cancelled_at or time.monotonic()
        self.run.waits.cancel()


class Runs:
    """`offer` gives what there is now; `failed` is told of each failure that is a plugin's."""

    def __init__(
        self,
        send: Callable[[FromHostMessage], None],
        calls: Calls,
        *,
        offer: Callable[[], Offer],
        make_run: Callable[[Plugin, str, str], RunContext],
        make_context: Callable[[Plugin], PluginContext],
        failed: Failed,
    ) -> None:
        self._send = send
        self._calls = calls
        self._offer = offer
        self._make_run = make_run
        self._make_context = make_context
        self._failed = failed
        self._live: dict[str, _Live] = {}
        self._tools: dict[str, PluginContext] = {}
        self._lock = threading.Lock()
        self._some = threading.Event()
        threading.Thread(target=self._watch, name="runs", daemon=True).start()

    # ---- actions ----

    def start(self, order: RunAction) -> None:
        """Run an action; returns at once. Its events are sent as they come."""

        def tell(event: ActionEvent) -> None:
            self._send(RunEvent(id=order.id, event=event))

        try:
            plugin, action = self._offer().action(order.request.action)
        except HobError as error:
            tell(ActionFailed(error=ErrorInfo.of(error)))
            return
        run = self._make_run(plugin, order.request.desktop, order.request.model)
        run.begin(action, order.request, tell)
        live = _Live(run, plugin, action)
        with self._lock:
            self._live[order.id] = live
        self._some.set()
        try:
            live.thread = start_thread(lambda: self._run(order.id, live))
        except HobError as error:
            self._end(order.id, live, ActionFailed(error=ErrorInfo.of(error)))

    def cancel(self, id: str) -> None:
        """Take back a run or a call of a tool."""
        with self._lock:
            live, tool = self._live.get(id), self._tools.get(id)
        if live is not None:
            live.cancel()
        if tool is not None:
            tool.waits.cancel()

    def cut_short(self, plugin: Plugin) -> None:
        """The plugin is off: its runs end as those that were taken back do."""
        with self._lock:
            all_live = [live for live in self._live.values() if live.plugin is plugin]
        for live in all_live:
            live.why = _turned_off(plugin.name)
            live.cancel()

    def _run(self, id: str, live: _Live) -> None:
        run, plugin, action = live.run, live.plugin, live.action
        what = f"the action {action.name}"
        title, shows = action.title, action.shows
        run.started(
            ActionStarted(id=id, action=action.name, plugin=plugin.name, title=title, shows=shows)
        )
        end: ActionEvent = ActionFinished()
        try:
            with self._calls.inside(plugin.name, what):
                if action.opens is not None:
                    run.open(action.opens)
                elif action.run is not None:
                    take(action.run(run), run.add, run.waits)
        except Overrun:
            return  # it was given up, and whoever waited was told
        except BaseException as error:  # SystemExit and KeyboardInterrupt end nothing here
            end = ActionFailed(error=ErrorInfo.of(self._blamed(live, what, error)))
        self._end(id, live, end)

    def _blamed(self, live: _Live, what: str, error: BaseException) -> HobError:
        if live.run.waits.cancelled:
            return live.why
        known = blamed(live.plugin.name, what, error)
        if not isinstance(error, HobError):
            log_traceback(live.plugin.name, what, error)
        self._failed(live.plugin, what, known)
        return known

    def _end(self, id: str, live: _Live, event: ActionEvent) -> None:
        with self._lock:
            self._live.pop(id, None)
        live.run.end(event)
        live.run.waits.close()

    def _watch(self) -> None:
        """Send what waits for more, and end the runs that show no sign of life."""
        pause = threading.Event()
        while True:
            self._some.wait()
            pause.wait(_TICK_S)
            with self._lock:
                all_live = list(self._live.items())
                if not all_live:
                    self._some.clear()
            for id, live in all_live:
                live.run.flush(only_after_s=_TICK_S)
                self._look_at(id, live)

    def _look_at(self, id: str, live: _Live) -> None:
        what = f"the action {live.action.name}"
        error: HobError
        if live.cancelled_at is not None and time.monotonic() - live.cancelled_at > _CANCEL_S:
            error = live.why
        elif live.run.idle_s() > live.action.timeout_s:
            said = f"it did nothing for {live.action.timeout_s:g} s"
            error = broken(live.plugin.name, what, said)
            self._failed(live.plugin, what, error)
        else:
            return
        self._end(id, live, ActionFailed(error=ErrorInfo.of(error)))
        live.run.waits.cancel()
        if live.thread is not None:
            self._calls.end(live.thread)

    # ---- tools ----

    def call_tool(self, order: CallTool) -> None:
        """Call a tool for a model; returns at once."""
        self._start(lambda: self._call_tool(order), ToolResult(id=order.id))

    def _call_tool(self, order: CallTool) -> None:
        try:
            text = self._tool_result(order)
        except HobError as error:
            self._send(ToolResult(id=order.id, error=ErrorInfo.of(error)))
            return
        self._send(ToolResult(id=order.id, text=text))

    def _tool_result(self, order: CallTool) -> str:
        plugin, tool = self._offer().tool(order.tool)
        what = f"the tool {tool.name}"
        arguments = read_arguments(order.arguments)
        context = self._make_context(plugin)
        with self._lock:
            self._tools[order.id] = context
        try:
            return self._calls.call(
                plugin.name,
                what,
                lambda: call_tool(tool, context, arguments),
                tool.timeout_s,
                context.waits.cancel,
            )
        except HobError as error:
            if not isinstance(error, InvalidRequest | Cancelled):
                self._failed(plugin, what, error)
            raise
        finally:
            with self._lock:
                self._tools.pop(order.id, None)
            context.waits.close()

    # ---- rewriting ----

    def rewrite(self, order: Rewrite) -> None:
        """Have each plugin that wants to rewrite the request, one after the other."""
        self._start(lambda: self._rewrite(order), Rewritten(id=order.id))

    def _rewrite(self, order: Rewrite) -> None:
        request: dict[str, Any] = order.request
        by: list[str] = []
        offer = self._offer()
        for plugin in offer.plugins:
            if plugin.name == order.asker or plugin.name not in offer.catalogue.rewriters:
                continue
            try:
                changed = _rewritten(plugin, request)
            except HobError as error:
                self._failed(plugin, "rewrite_request", error)
                continue
            if changed is not None and changed != request:
                request = changed
                by.append(plugin.name)
        self._send(Rewritten(id=order.id, request=request if by else None, by=tuple(by)))

    def _start(self, function: Callable[[], None], otherwise: FromHostMessage) -> None:
        try:
            start_thread(function)
        except HobError as error:
            if isinstance(otherwise, ToolResult):
                otherwise = ToolResult(id=otherwise.id, error=ErrorInfo.of(error))
            self._send(otherwise)


def _turned_off(plugin: str) -> Cancelled:
    return Cancelled(
        f"The plugin {plugin} was turned off or removed while the action ran, so it was stopped.",
        hint="`hob plugins` shows how it is now.",
    )


def _rewritten(plugin: Plugin, request: dict[str, Any]) -> dict[str, Any] | None:
    def take_first(results: list[Any]) -> dict[str, Any] | None:
        for result in results:
            if result is None:
                continue
            try:
                data = msgspec.json.encode(result)
                plain = msgspec.json.decode(data)
            except (msgspec.MsgspecError, TypeError, ValueError, RecursionError) as error:
                raise broken(plugin.name, "rewrite_request", "it returns no JSON") from error
            if not isinstance(plain, dict):
                raise broken(plugin.name, "rewrite_request", "it returns no object")
            if len(data) > MAX_FROM_HOST_BYTES - _OVERHEAD_BYTES:
                said = f"it returns more than {MAX_FROM_HOST_BYTES} bytes"
                raise broken(plugin.name, "rewrite_request", said)
            return plain
        return None

    # A copy: what a plugin changes in place, and does not return, is not meant.
    copy = json.loads(json.dumps(request))
    return plugin.call("rewrite_request", take_first, request=copy, context=plugin.context)
