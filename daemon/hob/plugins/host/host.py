"""The host: one thread that loads plugins, turns them on and off, and tells the daemon of them."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

from hob.client import Client
from hob.errors import (
    HobError,
    PluginBroken,
    PluginNotFound,
    ProtocolError,
)
from hob.plugins.hookspecs import DEADLINES
from hob.plugins.host.calls import Calls, start_thread
from hob.plugins.host.catalogue import Offer, offer
from hob.plugins.host.context import PluginContext
from hob.plugins.host.found import Candidate, find_packages, find_plugins
from hob.plugins.host.import_guard import ImportGuard
from hob.plugins.host.listeners import Listeners
from hob.plugins.host.plugin import FAILURES, WITHIN_S, Plugin
from hob.plugins.host.run_context import RunContext
from hob.plugins.host.runs import Runs
from hob.plugins.host.schema import wished
from hob.plugins.host.settings_file import PluginSettings, change_settings, read_settings
from hob.plugins.host.storage import PluginStorage
from hob.plugins.host.watching import Watch
from hob.wire.base import ErrorInfo
from hob.wire.hotkey import parse_hotkey
from hob.wire.plugin_host import (
    Begin,
    CallTool,
    CancelRun,
    Catalogue,
    FromHostMessage,
    Leave,
    Manage,
    Managed,
    Misbehaved,
    Ping,
    Pong,
    Rewrite,
    RunAction,
    Tell,
    ToHostMessage,
)

C = TypeVar("C", bound=PluginContext)

_STOP_LIMIT_S, _LEAVE_LIMIT_S = 2.0, 2.5
_REFRESH_S = 3.0
# So long the first listing waits for plugins that are slow to load.
_LOAD_PATIENCE_S = 1.5


class Host:
    """`handle` takes what the daemon says, on the pipe's thread; `run` is the host's own."""

    def __init__(self, begin: Begin, send: Callable[[FromHostMessage], None]) -> None:
        self._begin = begin
        self._send = send
        self._folder = Path(begin.folder)
        self._settings_file = Path(begin.settings_file)
        self._settings = PluginSettings()
        self._settings = self._read_settings()
        self._packages: Sequence[Candidate] = ()
        self._without = {name: info.error() for name, info in begin.without.items()}
        self._plugins: list[Plugin] = []
        self._storages: dict[str, PluginStorage] = {}
        self._offer = Offer(Catalogue(plugins=()))
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._guard = ImportGuard()
        self._calls = Calls(send, tidy=self._guard.restore_streams)
        self._listeners = Listeners(self._failed)
        self._runs = Runs(
            send,
            self._calls,
            offer=lambda: self._offer,
            make_run=self._make_run,
            make_context=self._make_context,
            failed=self._failed,
        )

    def handle(self, message: ToHostMessage) -> None:
        """On the pipe's thread: nothing here waits for a plugin."""
        match message:
            case Ping(number=number):
                self._send(Pong(number=number))
            case RunAction():
                self._runs.start(message)
            case CallTool():
                self._runs.call_tool(message)
            case Rewrite():
                self._runs.rewrite(message)
            case CancelRun(id=id):
                self._runs.cancel(id)
            case Tell(fact=fact):
                self._listeners.tell(fact)
            case Manage():
                self._work.put(lambda: self._manage(message))
            case Leave():
                self.leave()
            case Begin():
                raise ProtocolError("the second Begin")

    def leave(self) -> None:
        """The daemon wants no more, or is gone; `run` comes to its end, and if a plugin keeps it
        from that, the process ends without."""
        timer = threading.Timer(_LEAVE_LIMIT_S, os._exit, (0,))
        timer.daemon = True
        timer.start()
        self._work.put(None)

    def run(self) -> None:
        """Load the plugins, then do what comes, until told to leave."""
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Before the first look, so that nothing that changes after it is missed.
        Watch(self._folder, self._settings_file, lambda: self._work.put(self._look)).start()
        self._packages = find_packages()
        self._update(find_plugins(self._folder, self._packages))
        while (work := self._work.get()) is not None:
            work()
        self._stop_all()

    # ---- what there is ----

    def _look(self) -> None:
        """Read settings and folder again, and do what has changed. Quick when nothing has."""
        settings = self._read_settings()
        found = find_plugins(self._folder, self._packages)
        # As text: the same error of the file is made anew at every look.
        changed = str(settings) != str(self._settings)
        stamps = {(p.name, p.candidate.path): p.candidate.stamp for p in self._plugins}
        if changed or stamps != {(c.name, c.path): c.stamp for c in found}:
            self._settings = settings
            self._update(found)

    def _read_settings(self) -> PluginSettings:
        """What the file says. While it cannot be used, what was in force stays so: a slip of the
        pen must not turn on what a person has turned off."""
        settings = read_settings(self._settings_file)
        if settings.problem is None:
            return settings
        return replace(self._settings, problem=settings.problem)

    def _update(self, found: Sequence[Candidate]) -> None:
        """Let the plugins be those that were found, each as the settings say."""
        old = {(p.name, p.candidate.path): p for p in self._plugins}
        plugins: list[Plugin] = []
        names: dict[str, Plugin] = {}
        for candidate in found:
            plugin = old.pop((candidate.name, candidate.path), None)
            if plugin is not None and plugin.candidate.stamp != candidate.stamp:
                plugin.unload("off")
                self._without.pop(plugin.name, None)
                plugin = None
            first = names.get(candidate.name)
            if plugin is not None and plugin.second != (first is not None):
                plugin.unload("off")
                plugin = None
            if plugin is None:
                plugin = Plugin(candidate, self._calls, self._make_context)
            if first is not None:
                plugin.be_second(_second(plugin, first))
            names.setdefault(plugin.name, plugin)
            plugins.append(plugin)
        for gone in old.values():
            self._turn_off(gone)
        self._plugins = plugins
        self._load_all([plugin for plugin in names.values() if self._settle(plugin)])
        self._tell()

    def _settle(self, plugin: Plugin) -> bool:
        """Have one plugin be as the settings say; true when it is to be loaded for that."""
        wanted = self._settings.enabled(plugin.name, plugin.candidate.on_by_default)
        kept_out = self._without.get(plugin.name)
        if plugin.second:
            return False
        if plugin.on and not wanted:
            self._turn_off(plugin)
        elif plugin.on:
            if plugin.set_values(self._given(plugin)):
                self._register_again(plugin)
        elif not wanted:
            plugin.state, plugin.problem = "off", None
        elif kept_out is not None:
            plugin.state, plugin.problem = "suspended", kept_out
        return plugin.state == "off" and wanted

    def _turn_off(self, plugin: Plugin) -> None:
        self._runs.cut_short(plugin)
        plugin.unload("off")

    def _register_again(self, plugin: Plugin) -> None:
        """What a plugin offers may depend on its settings."""
        try:
            plugin.register()
        except HobError as error:
            self._failed(plugin, "settings", error)

    def _load_all(self, plugins: Sequence[Plugin]) -> None:
        for plugin in plugins:
            plugin.state = "loading"
        if self._begin.one_by_one:
            for plugin in plugins:
                self._load_together([plugin])
        else:
            self._load_together(plugins)
        self._guard.restore()

    def _load_together(self, plugins: Sequence[Plugin]) -> None:
        """Load them beside each other, so that one that hangs holds up none of the others: when it
        takes long, what is there already is told and can be used."""
        threads = [start_thread(partial(self._load, plugin)) for plugin in plugins]
        patience = time.monotonic() + _LOAD_PATIENCE_S
        for thread in threads:
            thread.join(max(0.0, patience - time.monotonic()))
        if any(thread.is_alive() for thread in threads):
            self._tell()
        for thread in threads:
            thread.join()

    def _load(self, plugin: Plugin) -> None:
        plugin.load(self._given(plugin))
        if plugin.problem is not None:
            error = ErrorInfo.of(plugin.problem)
            self._send(Misbehaved(plugin=plugin.name, hook="import", error=error))

    def _tell(self) -> None:
        self._offer = offer(self._plugins, self._settings)
        self._listeners.keep([p for p in self._plugins if p.on and "on_event" in p.hooks])
        self._send(self._offer.catalogue)

    def _given(self, plugin: Plugin) -> Mapping[str, object]:
        return self._settings.plugins.get(plugin.name, {})

    # ---- what a person wants ----

    def _manage(self, order: Manage) -> None:
        self._guard.restore()
        try:
            if order.verb == "hotkey":
                self._set_hotkey(order.name, order.value)
            else:
                self._manage_plugin(order)
        except HobError as error:
            self._tell()
            self._send(Managed(id=order.id, error=ErrorInfo.of(error)))
            return
        self._tell()
        self._send(Managed(id=order.id))

    def _manage_plugin(self, order: Manage) -> None:
        plugin = self._find(order.name)
        table = ("plugin", plugin.name)
        match order.verb:
            case "enable" | "disable":
                on = order.verb == "enable"
                change_settings(self._settings_file, table, "enabled", on)
            case "set":
                value = wished(
                    plugin.name, plugin.settings, order.setting, order.value, known=plugin.on
                )
                change_settings(self._settings_file, table, order.setting, value)
        if order.verb in ("enable", "reload"):
            self._without.pop(plugin.name, None)
            plugin.unload("off")
        self._settings = self._read_settings()
        if self._settle(plugin):
            self._load_all([plugin])
        if order.verb in ("enable", "reload") and plugin.problem and not plugin.on:
            raise plugin.problem

    def _set_hotkey(self, action: str, text: str | None) -> None:
        self._offer.action(action)
        key = str(parse_hotkey(text)) if text else text
        change_settings(self._settings_file, ("hotkeys",), action, key)
        self._settings = self._read_settings()

    def _find(self, name: str) -> Plugin:
        for plugin in self._plugins:
            if plugin.name == name:
                return plugin
        raise PluginNotFound(
            f"There is no plugin {name}.", hint="`hob plugins` lists them.", param="plugin"
        )

    # ---- what plugins do ----

    def _failed(self, plugin: Plugin, hook: str, error: HobError) -> None:
        """On any thread: a plugin's code has failed."""
        if not isinstance(error, PluginBroken):
            return
        # A broken action hurts who runs it, and tells them; a broken hook hurts everybody, unasked.
        suspended = plugin.on and hook in DEADLINES and plugin.failed()
        told = Misbehaved(
            plugin=plugin.name, hook=hook, error=ErrorInfo.of(error), suspended=suspended
        )
        self._send(told)
        if suspended:
            self._work.put(lambda: self._suspend(plugin, error))

    def _suspend(self, plugin: Plugin, error: HobError) -> None:
        if plugin.on:
            why = PluginBroken(
                f"The plugin {plugin.name} was turned off, because it failed {FAILURES} times in"
                f" {WITHIN_S / 60:.0f} minutes. The last time: {error.message}",
                hint=f"Mend it, or turn it on again: `hob plugins reload {plugin.name}`.",
                plugin=plugin.name,
            )
            self._runs.cut_short(plugin)
            plugin.unload("suspended", why)
            # A `stop` that fails too is no better reason.
            plugin.problem = self._without[plugin.name] = why
            self._tell()

    def _refresh(self, plugin: Plugin) -> None:
        """The plugin has others to offer. Returns when that is done, unless the plugin asks while
        the host waits for it."""
        thread = threading.current_thread().name
        hook = thread.removeprefix(f"{plugin.name} ")
        if hook.startswith("register_") or hook == "warm_prompts":
            return  # it is just being done, and would be without end
        done = threading.Event()

        def register() -> None:
            try:
                if plugin.on:
                    plugin.register()
                    self._tell()
            except HobError as error:
                self._failed(plugin, "refresh", error)
            finally:
                done.set()

        self._work.put(register)
        if hook == thread:
            done.wait(_REFRESH_S)

    def _make_context(self, plugin: Plugin) -> PluginContext:
        return self._context(PluginContext, plugin)

    def _make_run(self, plugin: Plugin, desktop: str, model: str) -> RunContext:
        return self._context(RunContext, plugin, desktop=desktop, model=model)

    def _context(self, kind: type[C], plugin: Plugin, *, desktop: str = "", model: str = "") -> C:
        # One storage for all that runs of a plugin: it writes one file.
        storage = self._storages.setdefault(
            plugin.name, PluginStorage(Path(self._begin.storage) / plugin.name)
        )
        return kind(
            plugin.name,
            Client(Path(self._begin.socket)),
            storage,
            values=lambda: plugin.values,
            refresh=lambda: self._refresh(plugin),
            desktop=desktop,
            model=model,
        )

    def _stop_all(self) -> None:
        """Give every plugin its `stop`, all at once; none of them keeps the process."""
        running = [plugin for plugin in self._plugins if plugin.on]
        threads = [start_thread(partial(plugin.unload, "off")) for plugin in running]
        end = time.monotonic() + _STOP_LIMIT_S
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))


def _second(plugin: Plugin, first: Plugin) -> PluginBroken:
    return PluginBroken(
        f"The plugin {plugin.name} at {plugin.candidate.path} is not loaded, because"
        f" {first.candidate.path} has that name already.",
        hint="Rename or remove one of them.",
        plugin=plugin.name,
    )
