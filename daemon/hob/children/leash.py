"""Ties a process's life to its parent's, as far as the operating system helps."""

from __future__ import annotations

import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """On Linux the kernel kills this process when its parent ends, however that happens.

    Elsewhere the closing pipe does it. Ctrl-C in the terminal of a foreground daemon reaches the
    whole process group; it is the daemon's to handle, not its child's.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "linux":
        return
    parent = os.getppid()
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        # It ended before the call; there will be no signal.
        os._exit(0)
