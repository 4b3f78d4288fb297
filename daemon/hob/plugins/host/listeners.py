"""Facts for the plugins that listen: in order for each, and never in the way of anybody."""

from __future__ import annotations

import copy
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from hob.errors import HobError
from hob.plugins.host.plugin import Plugin

# What one plugin may have waiting; it loses the oldest.
_MOST_WAITING = 256


class Listeners:
    """One thread for each plugin that listens, as long as it does."""

    def __init__(self, failed: Callable[[Plugin, str, HobError], None]) -> None:
        self._failed = failed
        self._queues: dict[Plugin, _Queue] = {}

    def keep(self, plugins: Sequence[Plugin]) -> None:
        """Let exactly these listen from now on."""
        queues = dict(self._queues)
        for plugin in set(queues) - set(plugins):
            queues.pop(plugin).close()
        for plugin in plugins:
            if plugin not in queues:
                queues[plugin] = _Queue(plugin, self._failed)
        self._queues = queues

    def tell(self, fact: dict[str, Any]) -> None:
        for queue in self._queues.values():
            queue.put(fact)


class _Queue:
    def __init__(self, plugin: Plugin, failed: Callable[[Plugin, str, HobError], None]) -> None:
        self._plugin = plugin
        self._failed = failed
        self._facts: deque[dict[str, Any]] = deque(maxlen=_MOST_WAITING)
        self._some = threading.Semaphore(0)
        self._closed = False
        threading.Thread(target=self._run, name=f"{plugin.name} on_event", daemon=True).start()

    def put(self, fact: dict[str, Any]) -> None:
        self._facts.append(fact)
        self._some.release()

    def close(self) -> None:
        self._closed = True
        self._some.release()

    def _run(self) -> None:
        while self._some.acquire() and not self._closed:
            try:
                fact = self._facts.popleft()
            except IndexError:  # it was pushed out by later ones
                continue
            try:
                self._plugin.call(
                    "on_event", event=copy.deepcopy(fact), context=self._plugin.context
                )
            except HobError as error:
                self._failed(self._plugin, "on_event", error)
