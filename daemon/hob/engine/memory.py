"""How much memory this process may still take."""

from __future__ import annotations

import sys


def available_bytes() -> int:
    """What the machine can give without swapping, or less where a limit is set on the process."""
    import psutil

    free = int(psutil.virtual_memory().available)
    if sys.platform == "win32":
        return free
    import resource

    limit, _hard = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return free
    return max(0, min(free, limit - int(psutil.Process().memory_info().vms)))
