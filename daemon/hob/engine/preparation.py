"""The preparation thread: templates and tokenizing, so that neither holds up the batch."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue

from hob.engine.assembly import Assembler
from hob.engine.inbox import Prepared, Refused
from hob.errors import HobError
from hob.wire.base import ErrorInfo
from hob.wire.calls import Call, Prefill
from hob.wire.engine import Failed, Returned
from hob.wire.generate import GenerateRequest

_log = logging.getLogger(__name__)

Work = GenerateRequest | Call


class Preparation:
    """Prepares requests one after another and posts the results to the loop; answers calls that
    need no model with `send`, and never hears of them again.

    `make_assembler` runs on the thread as well: importing Jinja and compiling the template cost
    more than the rest of a small model's load, and need not be waited for.
    """

    def __init__(
        self,
        make_assembler: Callable[[], Assembler],
        post: Callable[[Prepared | Refused], None],
        send: Callable[[Returned | Failed], None],
    ) -> None:
        self._make_assembler = make_assembler
        self._post = post
        self._send = send
        self._queue: SimpleQueue[Work | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="preparation", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def submit(self, work: Work) -> None:
        """A prefill must have been accepted by the loop, like a request."""
        self._queue.put(work)

    def close(self) -> None:
        """End after what was submitted; waits for it."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        assembler = self._try_to_make_assembler()
        while (work := self._queue.get()) is not None:
            try:
                self._do(work, assembler)
            except HobError as error:
                self._refuse(work, error)
            except Exception:
                # A fault of ours in one request must not leave the others without this thread.
                _log.exception("preparing a request failed")
                self._refuse(work, _fault())

    def _do(self, work: Work, assembler: Assembler | None) -> None:
        if assembler is None:
            raise _fault()
        if isinstance(work, GenerateRequest):
            self._post(Prepared(work.id, assembler.assemble(work)))
        elif isinstance(work, Prefill):
            self._post(Prepared(work.id, assembler.prefill(work.request)))
        else:
            self._send(Returned(id=work.id, result=assembler.answer(work)))

    def _refuse(self, work: Work, error: HobError) -> None:
        if isinstance(work, (GenerateRequest, Prefill)):
            self._post(Refused(work.id, error))
        else:
            self._send(Failed(id=work.id, error=ErrorInfo.of(error)))

    def _try_to_make_assembler(self) -> Assembler | None:
        """None when a fault of ours makes it impossible: each request is then told so, which is
        better than a worker that dies at each start."""
        try:
            return self._make_assembler()
        except Exception:
            _log.exception("requests cannot be prepared")
            return None


def _fault() -> HobError:
    return HobError(
        "Hob could not prepare this request.",
        hint="This is a fault in Hob; `hob logs` has the details.",
    )
