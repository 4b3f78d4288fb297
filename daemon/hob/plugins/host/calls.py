"""Running code of plugins: on threads, within a time, and with the daemon told who runs."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Generic, TypeVar

import hob.plugins.host
from hob.errors import HobError, PluginsUnavailable
from hob.plugins.host.blame import blamed, broken, log_traceback
from hob.wire.plugin_host import Entered, FromHostMessage, Left

T = TypeVar("T")

_FIRST_TRY_S, _TRY_EVERY_S = 0.02, 1.0
_SHELTERED = (
    str(Path(hob.plugins.host.__file__).parents[2]),
    threading.__file__,
    str(Path(logging.__file__).parent),
)


class Overrun(BaseException):
    """Raised in the midst of a plugin's code that has taken too long, to end it."""


class Calls:
    """Every call of a plugin's code goes through this. `tidy` is called before one of them while
    there is no other, which it could disturb."""

    def __init__(
        self, send: Callable[[FromHostMessage], None], tidy: Callable[[], None] = lambda: None
    ) -> None:
        self._send = send
        self._tidy = tidy
        self._numbers = itertools.count(1)
        self._pid = os.getpid()
        self._running: set[int] = set()
        self._overrun: set[int] = set()
        self._ending = False
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def inside(self, plugin: str, what: str) -> Iterator[None]:
        """Around code of a plugin, on the thread that runs it."""
        number = next(self._numbers)
        ident = threading.get_ident()
        self._send(Entered(number=number, plugin=plugin, hook=what))
        try:
            with self._lock:
                if not self._running:
                    self._tidy()
                self._running.add(ident)
            yield
        finally:
            while True:
                try:
                    self._out_of_reach(ident)
                    break
                except Overrun:
                    continue
            self._send(Left(number=number))

    def end(self, thread: threading.Thread) -> None:
        """Have code of a plugin end that still runs on `thread`.

        A thread cannot be ended from outside, but an exception can be raised in it: that ends a
        loop that would take a core for ever. What waits inside of a system call costs nothing but
        its thread, and gets the exception when it comes back. Until it has gone, this is tried.
        """
        with self._lock:
            if thread.ident is None or thread.ident not in self._running:
                return
            self._overrun.add(thread.ident)
            if not self._ending:
                self._ending = True
                start_thread(self._end_all, name="ending")

    def call(
        self,
        plugin: str,
        what: str,
        function: Callable[[], T],
        limit_s: float,
        overrun: Callable[[], None] = lambda: None,
    ) -> T:
        """What `function` returns. Raises the HobError that it raises, and PluginBroken for
        anything else, and when it takes longer than `limit_s`; then `overrun` is called."""
        box: _Box[T] = _Box()
        thread = start_thread(
            lambda: self._fill(box, plugin, what, function), name=f"{plugin} {what}"
        )
        if not box.done.wait(limit_s):
            overrun()
            self.end(thread)
            raise broken(plugin, what, f"it took longer than {limit_s:g} s")
        if box.error is not None:
            raise box.error
        return box.values[0]

    def _fill(self, box: _Box[T], plugin: str, what: str, function: Callable[[], T]) -> None:
        with contextlib.suppress(Overrun), self.inside(plugin, what):
            try:
                box.values.append(function())
            except Overrun:
                raise  # nobody waits any more
            except BaseException as error:  # SystemExit and KeyboardInterrupt end nothing here
                self._leave_if_forked()
                box.error = blamed(plugin, what, error)
                log_traceback(plugin, what, error)
            box.done.set()

    def _leave_if_forked(self) -> None:
        """The plugin has forked, and this is the copy: nothing here is its to do."""
        if os.getpid() != self._pid:
            os._exit(0)

    def _out_of_reach(self, ident: int) -> None:
        """From here on nothing is raised in this thread any more, not even what was on its way."""
        self._leave_if_forked()
        with self._lock:
            self._running.discard(ident)
            self._overrun.discard(ident)
            _raise_in(ident, None)

    def _end_all(self) -> None:
        """Until none is left: some catch the exception, or are where it must not be raised."""
        pause = threading.Event()
        wait_s = _FIRST_TRY_S
        while True:
            pause.wait(wait_s)
            wait_s = min(2 * wait_s, _TRY_EVERY_S)
            with self._lock:
                for ident in self._overrun:
                    if _in_their_code(ident):
                        _raise_in(ident, Overrun)
                if not self._overrun:
                    self._ending = False
                    return


class _Box(Generic[T]):
    def __init__(self) -> None:
        self.done = threading.Event()
        self.values: list[T] = []
        self.error: HobError | None = None


def start_thread(function: Callable[[], None], name: str = "") -> threading.Thread:
    """Run it on a thread that keeps nobody from leaving. Raises PluginsUnavailable when the system
    has no more of them."""
    thread = threading.Thread(target=function, name=name or None, daemon=True)
    try:
        thread.start()
    except RuntimeError as error:
        raise PluginsUnavailable(
            "The system gives the plugins' process no more threads, so this was not run.",
            hint="A plugin may start too many: `hob plugins` lists them, `hob logs` tells more.",
        ) from error
    return thread


def _in_their_code(ident: int) -> bool:
    """Whether the thread is not just in code of ours, or in that which holds locks for others: an
    exception there could leave the whole process locked."""
    frame = sys._current_frames().get(ident)
    return frame is not None and not frame.f_code.co_filename.startswith(_SHELTERED)


def _raise_in(ident: int, error: type[BaseException] | None) -> None:
    """Raise it at the thread's next instruction; None takes back what was not raised yet."""
    what = ctypes.py_object(error) if error is not None else None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), what)
