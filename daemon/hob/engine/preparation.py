"""The preparation thread: templates and tokenizing, so that neither holds up the batch."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue

from hob.engine.assembly import Assembler
from hob.engine.inbox import Prepared, Refused
from hob.errors import HobError
from hob.wire.generate import GenerateRequest

_log = logging.getLogger(__name__)


class Preparation:
    """Prepares requests one after another and posts the results.

    `make_assembler` runs on the thread as well: importing Jinja and compiling the template cost
    more than the rest of a small model's load, and need not be waited for.
    """

    def __init__(
        self,
        make_assembler: Callable[[], Assembler],
        post: Callable[[Prepared | Refused], None],
    ) -> None:
        self._make_assembler = make_assembler
        self._post = post
        self._queue: SimpleQueue[GenerateRequest | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="preparation", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def submit(self, request: GenerateRequest) -> None:
        self._queue.put(request)

    def close(self) -> None:
        """End after what was submitted; waits for it."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        assembler = self._try_to_make_assembler()
        while (request := self._queue.get()) is not None:
            self._post(_prepare(assembler, request) if assembler else _fault(request))

    def _try_to_make_assembler(self) -> Assembler | None:
        """None when a fault of ours makes it impossible: each request is then told so, which is
        better than a worker that dies at each start."""
        try:
            return self._make_assembler()
        except Exception:
            _log.exception("requests cannot be prepared")
            return None


def _prepare(assembler: Assembler, request: GenerateRequest) -> Prepared | Refused:
    try:
        job = assembler.assemble(request)
    except HobError as error:
        return Refused(request.id, error)
    except Exception:
        # A fault of ours in one request must not leave the others without this thread.
        _log.exception("preparing a request failed")
        return _fault(request)
    return Prepared(request.id, job)


def _fault(request: GenerateRequest) -> Refused:
    return Refused(
        request.id,
        HobError(
            "Hob could not prepare this request.",
            hint="This is a fault in Hob; `hob logs` has the details.",
        ),
    )
