"""What the doctor looks at: this machine, this installation, and the daemon if it runs."""

from __future__ import annotations

import os
import shlex
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from hob.cli.context import App
from hob.client import Client
from hob.config import Config, load_config
from hob.display import Display, NoDisplay, find_display, has_qt
from hob.display.libraries import Library, missing_libraries
from hob.wire.desktop import DesktopList
from hob.wire.engine import BuildInfo
from hob.wire.models import ModelList
from hob.wire.status import Status

Vendor = Literal["nvidia", "amd", "intel", "apple"]

_PROBE_TIMEOUT_S = 60.0
_CLIENT_TIMEOUT_S = 5.0
_PCI_DEVICES = Path("/sys/bus/pci/devices")
_PCI_VENDORS: dict[str, Vendor] = {"0x10de": "nvidia", "0x1002": "amd", "0x8086": "intel"}
_PCI_DISPLAY_CLASS = "0x03"


@dataclass(frozen=True)
class Gpu:
    """A GPU in this machine; `driver` tells whether a driver that computes on it answers."""

    vendor: Vendor
    name: str
    driver: bool = True


@dataclass(frozen=True)
class Memory:
    """Bytes."""

    total: int
    available: int


@dataclass(frozen=True)
class Folder:
    """`writable`: it is, or could be made. `mode` and `ours` are of the nearest folder there is."""

    exists: bool
    writable: bool
    mode: int
    ours: bool
    free_bytes: int


@dataclass(frozen=True)
class Probe:
    """The llama.cpp build, or why it could not be asked: `failure` is one sentence."""

    build: BuildInfo | None = None
    failure: str = ""
    illegal_instruction: bool = False


class System:
    """The real one; every method looks anew, and tests override them."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.paths = app.paths

    def python(self) -> tuple[int, int, int]:
        return sys.version_info[:3]

    def is_64_bit(self) -> bool:
        return sys.maxsize > 2**32

    def probe(self) -> Probe:
        """Ask a process of its own: native code may crash, and does on the wrong CPU."""
        command = [sys.executable, "-P", "-m", "hob.engine", "--probe"]
        try:
            ended = subprocess.run(
                command, capture_output=True, timeout=_PROBE_TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired:
            return Probe(failure=f"llama.cpp did not answer within {_PROBE_TIMEOUT_S:.0f} s.")
        except OSError as error:
            return Probe(failure=f"{sys.executable} could not be started: {error.strerror}.")
        return read_probe(ended.returncode, ended.stdout, ended.stderr)

    def cpu_flags(self) -> frozenset[str]:
        """What Linux calls the CPU's features; empty where it cannot be told."""
        try:
            text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return frozenset()
        return parse_cpu_flags(text)

    def gpus(self) -> list[Gpu]:
        if sys.platform == "darwin":
            import platform

            return [Gpu("apple", "Apple GPU")] if platform.machine() == "arm64" else []
        nvidia = _nvidia_gpus()
        others = _pci_gpus(_PCI_DEVICES)
        return nvidia + [gpu for gpu in others if not (nvidia and gpu.vendor == "nvidia")]

    def reinstall_line(self, cmake_args: str) -> str:
        """The exact command that builds llama.cpp anew with `cmake_args`."""
        pip = (
            f"{shlex.quote(sys.executable)} -m pip install --force-reinstall --no-deps "
            f"--no-cache-dir --no-binary llama-cpp-python {_pinned_llama()}"
        )
        if sys.platform == "win32":
            return f'$env:CMAKE_ARGS="{cmake_args}"; {pip}'
        return f'CMAKE_ARGS="{cmake_args}" {pip}'

    def memory(self) -> Memory:
        import psutil

        found = psutil.virtual_memory()
        return Memory(found.total, found.available)

    def folder(self, path: Path) -> Folder:
        """Raises OSError when not even a folder above it can be looked at."""
        nearest = next(each for each in (path, *path.parents) if each.exists())
        info = nearest.stat()
        return Folder(
            exists=nearest == path,
            writable=stat.S_ISDIR(info.st_mode) and os.access(nearest, os.W_OK | os.X_OK),
            mode=stat.S_IMODE(info.st_mode),
            ours=sys.platform == "win32" or info.st_uid == os.getuid(),
            free_bytes=shutil.disk_usage(nearest).free,
        )

    def socket_mode(self) -> int | None:
        """The permission bits of the socket's file; None when there is none."""
        if sys.platform == "win32":
            return None
        try:
            return stat.S_IMODE(self.paths.socket.stat().st_mode)
        except OSError:
            return None

    def config(self) -> Config:
        """Raises ConfigError."""
        return load_config(self._app.paths, self._app.environ, {})

    def status(self) -> Status:
        """Raises HobError."""
        return self._client().status()

    def models(self) -> ModelList:
        """Raises HobError."""
        return self._client().models()

    def display(self) -> Display | NoDisplay:
        return find_display(self._app.environ)

    def has_qt(self) -> bool:
        return has_qt()

    def missing_libraries(self, display: Display) -> list[Library]:
        return missing_libraries(display)

    def desktops(self) -> DesktopList:
        """Raises HobError."""
        return self._client().desktops()

    def hob_on_path(self) -> Path | None:
        found = shutil.which("hob")
        return Path(found) if found else None

    def own_command(self) -> Path:
        """The `hob` of this installation."""
        import sysconfig

        started_as = Path(sys.argv[0])
        if started_as.stem == "hob":
            return started_as.absolute()
        return Path(sysconfig.get_path("scripts")) / "hob"

    def _client(self) -> Client:
        return self._app.client(timeout=_CLIENT_TIMEOUT_S)


def read_probe(returncode: int, stdout: bytes, stderr: bytes) -> Probe:
    """What a probe process that has ended tells."""
    import signal

    if returncode < 0:
        name = signal.Signals(-returncode).name
        return Probe(
            failure=f"llama.cpp crashed when it was loaded ({name}).",
            illegal_instruction=name == "SIGILL",
        )
    if returncode != 0:
        lines = stderr.decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "no message")
        return Probe(failure=f"llama.cpp cannot be loaded: {last}")
    try:
        return Probe(build=msgspec.json.decode(stdout, type=BuildInfo))
    except msgspec.MsgspecError as error:
        return Probe(failure=f"The engine's answer cannot be read: {error}.")


def parse_cpu_flags(cpuinfo: str) -> frozenset[str]:
    """The first CPU's features in the text of /proc/cpuinfo: `flags` on x86, `Features` on ARM."""
    for line in cpuinfo.splitlines():
        name, _, flags = line.partition(":")
        if name.strip() in {"flags", "Features"}:
            return frozenset(flags.split())
    return frozenset()


def _nvidia_gpus() -> list[Gpu]:
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    try:
        handles = map(pynvml.nvmlDeviceGetHandleByIndex, range(pynvml.nvmlDeviceGetCount()))
        return [Gpu("nvidia", str(pynvml.nvmlDeviceGetName(handle))) for handle in handles]
    except pynvml.NVMLError:
        return [Gpu("nvidia", "NVIDIA GPU", driver=False)]
    finally:
        pynvml.nvmlShutdown()


def _pci_gpus(devices: Path) -> list[Gpu]:
    return list(_read_pci(devices)) if devices.is_dir() else []


def _read_pci(devices: Path) -> Iterator[Gpu]:
    """Display controllers on the PCI bus (PCI class 03), by the vendors that llama.cpp can use."""
    for device in sorted(devices.iterdir()):
        try:
            kind = (device / "class").read_text(encoding="ascii")
            vendor = _PCI_VENDORS.get((device / "vendor").read_text(encoding="ascii").strip())
        except OSError:
            # A device that is unplugged while we look.
            continue
        if vendor and kind.startswith(_PCI_DISPLAY_CLASS):
            yield Gpu(vendor, f"{vendor.upper()} GPU at {device.name}", driver=vendor != "nvidia")


def _pinned_llama() -> str:
    """The requirement that this Hob was made for, such as `llama-cpp-python==0.3.36`."""
    from importlib import metadata

    try:
        requirements = metadata.requires("hob-daemon") or []
    except metadata.PackageNotFoundError:
        requirements = []
    pins = [line for line in requirements if line.startswith("llama-cpp-python")]
    return pins[0] if pins else "llama-cpp-python"
