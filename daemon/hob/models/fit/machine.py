"""The memory of this machine, as much of it as Hob may take."""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from hob.wire.engine import BuildInfo
from hob.wire.fit import DeviceMemory

log = logging.getLogger(__name__)

# How old the numbers of the GPUs may be, in seconds; asking a driver can take that long.
_FRESH_S = 1.0
_GPU_LIBRARIES = ("cuda", "hip", "metal", "musa", "sycl", "vulkan")

GpuReader = Callable[[], Sequence[DeviceMemory]]


class Machine:
    """Main memory is looked at each time; the GPUs on a thread, since their drivers take their
    time. `read_gpus` may block."""

    def __init__(
        self,
        read_main: Callable[[], DeviceMemory] | None = None,
        read_gpus: GpuReader | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read_main = read_main or main_memory
        self._read_gpus = read_gpus or nvidia_memory
        self._clock = clock
        self._gpus: tuple[DeviceMemory, ...] = ()
        self._told: tuple[DeviceMemory, ...] | None = None
        self._read_at = float("-inf")
        self._reading = threading.Lock()

    def memory(self) -> tuple[DeviceMemory, ...]:
        """Main memory first, then the GPUs as they were a moment ago. Takes no time."""
        if self._clock() - self._read_at > _FRESH_S and not self._reading.locked():
            threading.Thread(target=self.refresh, name="gpu memory", daemon=True).start()
        return (self._read_main(), *self._usable())

    def refresh(self) -> None:
        """Ask the GPUs now; blocks."""
        with self._reading:
            self._gpus = tuple(self._read_gpus())
            self._read_at = self._clock()

    def tell(self, build: BuildInfo) -> None:
        """What a worker's llama.cpp has found: it may know other GPUs, or be unable to use any."""
        gpus = [device for device in build.devices if device.kind == "gpu"]
        self._told = tuple(
            DeviceMemory(
                name=gpu.name,
                kind="gpu",
                description=gpu.description,
                total_bytes=gpu.total_bytes,
                free_bytes=gpu.free_bytes,
            )
            for gpu in (gpus if build.gpu_offload else ())
        )

    def _usable(self) -> tuple[DeviceMemory, ...]:
        """llama.cpp's own GPUs once a worker has told them, with the driver's newer numbers."""
        if self._told is None:
            return self._gpus
        newer = {gpu.name: gpu for gpu in self._gpus}
        return tuple(newer.get(gpu.name, gpu) for gpu in self._told)


def main_memory() -> DeviceMemory:
    """What can be had without swapping, or less where a limit is set on this process."""
    import psutil

    memory = psutil.virtual_memory()
    total, free = int(memory.total), int(memory.available)
    for limit, used in _limits():
        total, free = min(total, limit), min(free, limit - used)
    return DeviceMemory(
        name="cpu", description="main memory", total_bytes=total, free_bytes=max(0, free)
    )


def _limits() -> Iterator[tuple[int, int]]:
    """Each limit in bytes, with what is used of it."""
    if sys.platform == "linux":
        yield from cgroup_limits(Path("/sys/fs/cgroup"), Path("/proc/self/cgroup"))
    if sys.platform != "win32":
        import resource

        limit, _hard = resource.getrlimit(resource.RLIMIT_AS)
        # Each worker has as much for itself.
        if limit != resource.RLIM_INFINITY:
            yield limit, 0


def cgroup_limits(root: Path, own: Path) -> Iterator[tuple[int, int]]:
    """The limits of the groups (version 2) that this process is in, from its own up."""
    try:
        lines = own.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return
    group = next((line[3:] for line in lines if line.startswith("0::")), "/")
    at = root / group.lstrip("/")
    for folder in (at, *at.parents):
        if not folder.is_relative_to(root):
            return
        limit = _number(folder / "memory.max")
        used = _number(folder / "memory.current")
        if limit is not None and used is not None:
            yield limit, max(0, used - _cached(folder / "memory.stat"))


def _number(path: Path) -> int | None:
    try:
        text = path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None
    return int(text) if text.isdecimal() else None


def _cached(path: Path) -> int:
    """What the group holds of files, which the system gives back when memory is asked for."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return 0
    words = (line.split() for line in lines)
    return sum(int(line[1]) for line in words if line[0] in ("inactive_file", "active_file"))


def nvidia_memory() -> tuple[DeviceMemory, ...]:
    """NVIDIA's GPUs in llama.cpp's order and by its names; none where there is no driver, or where
    this llama.cpp was built without GPUs. Blocks."""
    if not _built_for_gpus() or not _has_nvidia():
        return ()
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        log.info("the GPUs cannot be asked for their memory: %s", error)
        return ()
    try:
        handles = [
            pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())
        ]
        uuids = [_text(pynvml.nvmlDeviceGetUUID(handle)) for handle in handles]
        chosen = visible(uuids, os.environ.get("CUDA_VISIBLE_DEVICES"))
        return tuple(_device(number, handles[index]) for number, index in enumerate(chosen))
    except pynvml.NVMLError as error:
        log.warning("the GPUs do not tell their memory: %s", error)
        return ()
    finally:
        pynvml.nvmlShutdown()


def _device(number: int, handle: object) -> DeviceMemory:
    import pynvml

    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    return DeviceMemory(
        name=f"CUDA{number}",
        kind="gpu",
        description=_text(pynvml.nvmlDeviceGetName(handle)),
        total_bytes=int(memory.total),
        free_bytes=int(memory.free),
    )


def visible(uuids: Sequence[str], wish: str | None) -> tuple[int, ...]:
    """The places of the GPUs that CUDA shows, by the value of CUDA_VISIBLE_DEVICES: numbers or
    beginnings of names; it ends at the first that there is not."""
    if wish is None:
        return tuple(range(len(uuids)))
    found: list[int] = []
    for word in (word.strip() for word in wish.split(",")):
        index = int(word) if word.isdecimal() else _index(uuids, word)
        if not word or not 0 <= index < len(uuids):
            break
        found.append(index)
    return tuple(found)


def _index(uuids: Iterable[str], word: str) -> int:
    return next((index for index, uuid in enumerate(uuids) if uuid.startswith(word)), -1)


def _built_for_gpus() -> bool:
    """Has this llama.cpp a library for GPUs? Looked up without loading any of it."""
    spec = importlib.util.find_spec("llama_cpp")
    folders = spec.submodule_search_locations if spec else None
    for folder in folders or ():
        names = [path.name.lower() for path in Path(folder).glob("lib/*ggml-*")]
        if any(library in name for name in names for library in _GPU_LIBRARIES):
            return True
    return False


def _has_nvidia() -> bool:
    return sys.platform != "linux" or Path("/dev/nvidiactl").exists()


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
