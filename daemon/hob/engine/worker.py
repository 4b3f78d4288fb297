"""The worker's life: hello, load, answer, end."""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

from hob.engine.pipe import Pipe
from hob.errors import HobError, ProtocolError
from hob.wire.base import ErrorInfo
from hob.wire.engine import (
    PROTOCOL_VERSION,
    Hello,
    Load,
    Loaded,
    LoadFailed,
    LoadProgress,
    Stop,
    ToWorker,
)

if TYPE_CHECKING:
    from hob.engine.embedding.loading import LoadedEmbedder
    from hob.engine.service import Service
    from hob.engine.textmodel import LoadedModel

_PROGRESS_EVERY_S = 0.05
_EXIT_OK, _EXIT_LOAD_FAILED, _EXIT_FAULT = 0, 1, 4


class Worker:
    """What the threads share: the reader hands messages to `handle`, the main thread serves.

    `end` is called once all is done and saved, before the model is closed.
    """

    def __init__(self, pipe: Pipe, end: Callable[[], None] = lambda: None) -> None:
        self._pipe = pipe
        self._end = end
        self._load: SimpleQueue[Load | None] = SimpleQueue()
        # Set once, before Loaded is sent; requests come only after Loaded.
        self._service: Service | None = None
        self._progress_at = 0.0

    def handle(self, message: ToWorker) -> None:
        """On the reader's thread. Raises ProtocolError for a message out of turn."""
        match message:
            case Load():
                self._load.put(message)
            case Stop():
                self._load.put(None)
                if self._service:
                    self._service.drain()
            case _ if self._service is None:
                raise ProtocolError("a request came before the model was loaded")
            case _:
                self._service.post(message)

    def serve(self) -> int:
        """Load the model and answer until told to stop; the exit status."""
        try:
            from hob.engine.native.build import build_info
        except HobError as error:
            self._pipe.send(LoadFailed(error=ErrorInfo.of(error)))
            return _EXIT_LOAD_FAILED
        self._pipe.send(Hello(protocol=PROTOCOL_VERSION, pid=os.getpid(), build=build_info()))
        # Imported while the process may still wait for the room to load something.
        import hob.engine.loading  # noqa: F401

        order = self._load.get()
        if order is None:
            return _EXIT_OK
        with ExitStack() as stack:
            try:
                model = self._load_model(order, stack)
            except HobError as error:
                self._pipe.send(LoadFailed(error=ErrorInfo.of(error)))
                return _EXIT_LOAD_FAILED
            self._answer(model)
            self._end()
        return _EXIT_OK

    def _load_model(self, order: Load, stack: ExitStack) -> LoadedModel | LoadedEmbedder:
        from hob.engine.loading import load

        return load(Path(order.path), order.options, self._report, stack)

    def _report(self, fraction: float) -> None:
        """llama.cpp reports each tensor; a person needs a few numbers."""
        now = time.monotonic()
        if now - self._progress_at >= _PROGRESS_EVERY_S or fraction >= 1:
            self._progress_at = now
            self._pipe.send(LoadProgress(fraction=fraction))

    def _answer(self, model: LoadedModel | LoadedEmbedder) -> None:
        service = self._service = model.service(self._pipe.send)
        # A Stop that came during the load found no service to drain.
        if not self._load.empty():
            service.drain()
        self._pipe.send(Loaded(info=model.info))
        # After the good news: importing Jinja takes the interpreter for a while.
        service.run()


def run() -> int:
    """Serve the pipe until told to stop; the exit status."""
    threading.excepthook = _end_worker
    pipe = Pipe()
    worker = Worker(pipe, lambda: _end_at_once(pipe))
    pipe.listen(worker.handle)
    status = worker.serve()
    pipe.flush()
    sys.stderr.flush()
    return status


def _end_at_once(pipe: Pipe) -> None:
    """The next model may be waiting for the memory, and the system takes it back in one go, much
    faster than llama.cpp and the interpreter give it back piece by piece."""
    pipe.flush()
    sys.stderr.flush()
    os._exit(_EXIT_OK)


def _end_worker(uncaught: threading.ExceptHookArgs) -> None:
    """A thread that dies of a fault leaves requests that nobody will ever answer: the process
    ends, and the supervisor tells whoever waits."""
    traceback.print_exception(uncaught.exc_value)
    sys.stderr.flush()
    os._exit(_EXIT_FAULT)
