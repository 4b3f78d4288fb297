"""The bridge between a pull, which blocks, and the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable

from hob.models.pull.starter import Pull, Pulled
from hob.wire.pulls import PullProgress

_Step = PullProgress | Pulled | Exception


async def run_in_thread(
    make: Callable[[Callable[[PullProgress], None]], Pull],
) -> AsyncGenerator[PullProgress | Pulled, None]:
    """The steps of the pull that `make` builds around a reporter; the last one is Pulled.

    Raises what the pull raises. Closing the iterator cancels the pull without waiting for it: its
    thread may be waiting for a server, and it touches nothing but its own partial file.
    """
    loop = asyncio.get_running_loop()
    steps: asyncio.Queue[_Step] = asyncio.Queue()

    def post(step: _Step) -> None:
        # The loop may be gone when the daemon stops during a download; then nobody listens.
        if not loop.is_closed():
            loop.call_soon_threadsafe(steps.put_nowait, step)

    pull = make(post)

    def work() -> None:
        try:
            post(pull.run())
        except Exception as error:
            post(error)

    # A daemon thread, since an executor's would hold up the end of the process.
    threading.Thread(target=work, name="pull", daemon=True).start()
    try:
        while True:
            step = await steps.get()
            if isinstance(step, Exception):
                raise step
            yield step
            if isinstance(step, Pulled):
                return
    finally:
        pull.cancel()
