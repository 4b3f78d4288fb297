"""One line on the terminal that says how far something is, and goes when it is done."""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from hob.cli.sanitize import one_line
from hob.client import Client
from hob.client.stream import FactStream
from hob.errors import HobError
from hob.wire.events import (
    DaemonStopping,
    ModelFailed,
    ModelLoading,
    ModelReady,
    ModelUnloaded,
    RequestHeld,
)
from hob.wire.status import Status, WorkerStatus

_BAR_CELLS = 20
_ERASE_LINE = "\r\x1b[K"


class ProgressLine:
    """Draws over itself on stderr when that is a terminal, and is silent otherwise."""

    def __init__(self) -> None:
        self._on = sys.stderr.isatty()
        self._drawn = ""
        self._lock = threading.Lock()

    def show(self, text: str, fraction: float | None = None) -> None:
        """`fraction` (0 to 1) is drawn as a bar; None when it is not known."""
        if not self._on:
            return
        line = one_line(text)
        if fraction is not None:
            done = round(min(max(fraction, 0.0), 1.0) * _BAR_CELLS)
            line += f"  [{'#' * done}{'.' * (_BAR_CELLS - done)}] {fraction:4.0%}"
        line = line[: shutil.get_terminal_size().columns - 1]
        with self._lock:
            if self._on and line != self._drawn:
                self._drawn = line
                sys.stderr.write(_ERASE_LINE + line)
                sys.stderr.flush()

    def close(self) -> None:
        """Take the line away; nothing is shown after that."""
        with self._lock:
            if self._on and self._drawn:
                sys.stderr.write(_ERASE_LINE)
                sys.stderr.flush()
            self._on = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def worker_of(status: Status, model: str) -> WorkerStatus | None:
    return next((worker for worker in status.workers if worker.model == model), None)


def follow_loading(client: Client, facts: FactStream, model: str) -> Iterator[float]:
    """How far `model` is loaded, 0 to 1, until it is warm or has failed.

    `facts` are subscribed to before the state is read, so that nothing falls between. Only a
    model that is being loaded is waited for.
    """
    worker = worker_of(client.status(), model)
    if worker is None or worker.state != "starting":
        return
    yield worker.load_fraction
    for fact in facts:
        match fact:
            case ModelLoading(model=name, fraction=fraction) if name == model:
                yield fraction
            case ModelReady(model=name) | ModelFailed(model=name) if name == model:
                return
            case ModelUnloaded(model=name) if name == model:
                return
            case DaemonStopping():
                return


class LoadingWatcher:
    """Shows, from a thread of its own, which model is being loaded while the caller waits.

    Watching is a kindness: when the facts cannot be had, the wait is merely silent, and the
    request that is waited for tells what is wrong.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._line = ProgressLine()
        self._facts: FactStream | None = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            try:
                self._facts = self._client.events()
            except HobError:
                return self
            threading.Thread(target=self._watch, args=(self._facts,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._line.close()
        if self._facts is not None:
            self._facts.interrupt()

    def show(self, text: str, fraction: float | None = None) -> None:
        """Something else that the caller waits for."""
        self._line.show(text, fraction)

    def _watch(self, facts: FactStream) -> None:
        try:
            for worker in self._client.status().workers:
                if worker.state == "starting":
                    self._line.show(f"Loading {worker.model}", worker.load_fraction)
            for fact in facts:
                if isinstance(fact, ModelLoading):
                    self._line.show(f"Loading {fact.model}", fact.fraction)
                elif isinstance(fact, RequestHeld):
                    self._line.show(fact.why)
        except HobError:
            # The stream was interrupted, or the daemon ended; both end the watch.
            return
