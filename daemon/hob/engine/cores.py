"""How many threads suit this machine: the physical cores that the process may use."""

from __future__ import annotations

import os
import sys
from math import floor
from pathlib import Path


def usable_cores() -> int:
    """At least 1. Two threads on one core only get in each other's way in llama.cpp, and more
    threads than a container's quota of CPU time make each step wait for the slowest."""
    if sys.platform == "linux":
        return max(1, min(_linux_cores(Path("/sys/devices/system/cpu")), _quota()))
    import psutil

    return max(1, psutil.cpu_count(logical=False) or os.cpu_count() or 1)


def _linux_cores(root: Path) -> int:
    siblings = set()
    for cpu in os.sched_getaffinity(0):
        path = root / f"cpu{cpu}" / "topology" / "thread_siblings_list"
        siblings.add(path.read_text() if path.exists() else str(cpu))
    return len(siblings)


def _quota() -> int:
    """The CPU limit of the control group (v2) in whole cores; without one, no limit."""
    limit = Path("/sys/fs/cgroup/cpu.max")
    if not limit.exists():
        return sys.maxsize
    quota, period = limit.read_text().split()
    return sys.maxsize if quota == "max" else max(1, floor(int(quota) / int(period)))
