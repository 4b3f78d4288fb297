"""What llama.cpp has taken of each device's memory, by its own words.

Its C API does not tell the sizes of its buffers; its log does, a line for each. They are shown to
people and compared with what was predicted; nothing else follows from them.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from hob.wire.fit import Need

_LINE = re.compile(
    r"(\S+) +(model|KV|RS|DSV4 \w+ state|output|compute) buffer size = +([0-9.]+) MiB"
)
_MIB = 2**20
_WEIGHTS, _STEP = "model", "compute"
# Weights in a form that the CPU reads faster; the system drops the mapped ones that nobody reads.
_REPACKED = "_REPACK"


class Taken:
    """Counts the buffers of one load: of its model, its contexts and the model that guesses."""

    def __init__(self) -> None:
        self._process_bytes = 0
        self._clear()

    def begin(self) -> None:
        """A load begins, or is tried again in another way."""
        self._process_bytes = self._process_bytes or own_bytes()
        self._clear()

    def _clear(self) -> None:
        self._weights: dict[str, float] = {}
        self._kept: dict[str, float] = {}
        self._outputs: dict[str, float] = {}
        self._steps: dict[tuple[int, str], float] = {}
        self._models = 0
        self._reads_model = False

    def read(self, line: str) -> None:
        """A line of llama.cpp's log; most say nothing of this."""
        if not (found := _LINE.search(line)):
            return
        buffer, kind, size = found[1], found[2], float(found[3]) * _MIB
        if kind == _WEIGHTS and not self._reads_model:
            self._models += 1
        self._reads_model = kind == _WEIGHTS
        if kind == _STEP:
            # A context that reserves again says so again.
            self._steps[self._models, buffer] = size
            return
        counted = {_WEIGHTS: self._weights, "output": self._outputs}.get(kind, self._kept)
        counted[buffer] = counted.get(buffer, 0) + size

    def needs(self, gpus: Sequence[str], projector_bytes: int = 0) -> tuple[Need, ...]:
        """By device, main memory first. The projector lies on the first GPU, or in main memory."""
        names = ("cpu", *gpus)
        weights, kept, outputs = (_by_device(sizes, gpus) for sizes in self._counted())
        steps = [_by_device({buffer: size}, gpus) for (_, buffer), size in self._steps.items()]
        found = tuple(
            Need(
                device=name,
                weight_bytes=round(weights.get(name, 0)),
                kv_bytes=round(kept.get(name, 0)),
                compute_bytes=round(
                    outputs.get(name, 0) + sum(step.get(name, 0) for step in steps)
                ),
                projector_bytes=projector_bytes if name == names[min(1, len(gpus))] else 0,
                process_bytes=self._process_bytes if name == "cpu" else 0,
            )
            for name in names
        )
        return tuple(need for need in found if need.total_bytes)

    def _counted(self) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
        repacked = sum(size for name, size in self._weights.items() if name.endswith(_REPACKED))
        mapped = self._weights.get("CPU_Mapped", 0.0)
        weights = dict(self._weights)
        if mapped:
            weights["CPU_Mapped"] = max(mapped - repacked, 0.0)
        return weights, self._kept, self._outputs


def _by_device(sizes: dict[str, float], gpus: Sequence[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for buffer, size in sizes.items():
        name = device_of(buffer, gpus)
        found[name] = found.get(name, 0) + size
    return found


def device_of(buffer: str, gpus: Sequence[str]) -> str:
    """The GPU whose memory a buffer lies in, or `cpu`: a GPU's host buffers are main memory."""
    if buffer.startswith("CPU") or buffer.endswith("_Host"):
        return "cpu"
    for gpu in gpus:
        if buffer == gpu or buffer.startswith(f"{gpu}_"):
            return gpu
    # Such as CUDA_Split, which is shared among all of them.
    return gpus[0] if gpus else "cpu"


def own_bytes() -> int:
    """What this process holds of main memory."""
    if sys.platform == "linux":
        # psutil would cost each worker 10 ms and 2 MB for this one number.
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
    import psutil

    return int(psutil.Process().memory_info().rss)
