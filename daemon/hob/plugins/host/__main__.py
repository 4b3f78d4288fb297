"""`python -m hob.plugins.host`: runs the plugins for the daemon at the other end of the pipe."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from queue import SimpleQueue

from hob.children.leash import die_with_parent
from hob.plugins.host.host import Host
from hob.plugins.host.pipe import Pipe
from hob.wire.plugin_host import PROTOCOL, Begin, ToHostMessage

_EXIT_PROTOCOL = 3


def main() -> int:
    die_with_parent()
    # Written beside a plugin, compiled files would look like a change of it.
    sys.dont_write_bytecode = True
    pipe = Pipe()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(name)s: %(message)s")
    for loud in ("watchdog", "asyncio"):
        logging.getLogger(loud).setLevel(logging.WARNING)
    first: SimpleQueue[ToHostMessage | None] = SimpleQueue()
    hosts: list[Host] = []

    def handle(message: ToHostMessage) -> None:
        if hosts:
            hosts[0].handle(message)
        else:
            begin = message
            if isinstance(begin, Begin):
                hosts.append(Host(begin, pipe.send))
            first.put(begin)

    def gone() -> None:
        if hosts:
            hosts[0].leave()
        first.put(None)

    pipe.listen(handle, gone)
    begin = first.get()
    if not isinstance(begin, Begin) or begin.protocol != PROTOCOL:
        return _EXIT_PROTOCOL if begin is not None else 0
    hosts[0].run()
    return 0


if __name__ == "__main__":
    status = main()
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.flush()
    # Threads that plugins have left behind are no reason to stay.
    os._exit(status)
