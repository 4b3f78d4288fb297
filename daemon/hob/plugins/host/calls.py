"""Running code of plugins: on threads, within a time, and with the daemon told who runs."""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from hob.errors import HobError
from hob.plugins.host.blame import blamed, broken, log_traceback
from hob.wire.plugin_host import Entered, FromHostMessage, Left

T = TypeVar("T")


class Calls:
    """Every call of a plugin's code goes through this."""

    def __init__(self, send: Callable[[FromHostMessage], None]) -> None:
        self._send = send
        self._numbers = itertools.count(1)
        self._pid = os.getpid()
        self._stuck: dict[int, str] = {}
        self._lock = threading.Lock()

    def stuck(self, plugin: str) -> bool:
        """Whether code of the plugin still runs that should have been done."""
        with self._lock:
            return plugin in self._stuck.values()

    @contextlib.contextmanager
    def inside(self, plugin: str, what: str) -> Iterator[None]:
        """Around code of a plugin, on the thread that runs it."""
        number = next(self._numbers)
        self._send(Entered(number=number, plugin=plugin, hook=what))
        try:
            yield
        finally:
            if os.getpid() != self._pid:
                # The plugin has forked, and this is the copy: nothing here is its to do.
                os._exit(0)
            with self._lock:
                self._stuck.pop(threading.get_ident(), None)
            self._send(Left(number=number))

    def call(self, plugin: str, what: str, function: Callable[[], T], limit_s: float) -> T:
        """What `function` returns. Raises the HobError that it raises, and PluginBroken for
        anything else, and when it takes longer than `limit_s`; it then goes on alone."""
        box: _Box[T] = _Box()
        thread = threading.Thread(
            target=self._fill, args=(box, plugin, what, function), name=f"{plugin} {what}"
        )
        thread.daemon = True
        thread.start()
        if not box.done.wait(limit_s):
            with self._lock:
                if thread.ident is not None and not box.done.is_set():
                    self._stuck[thread.ident] = plugin
            raise broken(plugin, what, f"it took longer than {limit_s:g} s")
        if box.error is not None:
            raise box.error
        return box.values[0]

    def _fill(self, box: _Box[T], plugin: str, what: str, function: Callable[[], T]) -> None:
        with self.inside(plugin, what):
            try:
                box.values.append(function())
            except BaseException as error:  # SystemExit and KeyboardInterrupt end nothing here
                log_traceback(plugin, what, error)
                box.error = blamed(plugin, what, error)
            box.done.set()


class _Box(Generic[T]):
    def __init__(self) -> None:
        self.done = threading.Event()
        self.values: list[T] = []
        self.error: HobError | None = None
