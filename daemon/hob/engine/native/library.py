"""The low-level bindings of llama-cpp-python, loaded without the high-level package.

`import llama_cpp` runs the package's `__init__`, which imports numpy, the high-level class and
every chat handler: 250 ms and 39 MB, of which a worker uses nothing. The low-level module
`llama_cpp.llama_cpp` needs only the package's search path, and takes 45 ms and 17 MB by itself.
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
from ctypes import CDLL
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from hob.engine.native.taken import Taken
from hob.errors import StartFailed

_PACKAGE = "llama_cpp"
_LOG_INFO, _LOG_WARN, _LOG_ERROR, _LOG_CONTINUED = 2, 3, 4, 5


def _import_modules(*names: str) -> tuple[Any, ...]:
    """Modules of the package, such as `llama_cpp.llama_cpp`, by their last names.

    A bare package object stands in for the real one during the import and is taken away again,
    so that a later `import llama_cpp` (in a test, say) still gets the true package.
    """
    if _PACKAGE in sys.modules:
        return _import_all(names)
    spec = PathFinder.find_spec(_PACKAGE)
    if spec is None or spec.submodule_search_locations is None:
        raise StartFailed(
            "llama-cpp-python is not installed, so no model can run.",
            hint="Install Hob again, or run `pip install llama-cpp-python`.",
        )
    stand_in = ModuleType(_PACKAGE)
    stand_in.__path__ = list(spec.submodule_search_locations)
    sys.modules[_PACKAGE] = stand_in
    try:
        return _import_all(names)
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        raise StartFailed(
            f"The llama.cpp library cannot be loaded: {error}.",
            hint="Run `hob doctor`; reinstalling llama-cpp-python usually repairs it.",
        ) from error
    finally:
        del sys.modules[_PACKAGE]


def _import_all(names: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(importlib.import_module(f"{_PACKAGE}.{name}") for name in names)


# Where gdb or lldb is installed, ggml attaches it to this process before it aborts, for a stack.
# That can hang for a minute, in which a crashed worker looks alive; faulthandler prints one too.
os.environ.setdefault("GGML_NO_BACKTRACE", "1")
lib, _extensions = _import_modules("llama_cpp", "_ctypes_extensions")
_folder = Path(lib.__file__).parent


def shared_library(name: str) -> CDLL:
    """One of the libraries that lie beside libllama, such as `ggml`, as a ctypes CDLL."""
    library: CDLL = _extensions.load_shared_library(name, lib._base_path)
    return library


def bindings_version() -> str:
    """The version of llama-cpp-python, read from its source: importlib.metadata costs 30 ms."""
    for line in (_folder / "__init__.py").read_text(encoding="utf-8").splitlines():
        if line.startswith("__version__"):
            return line.partition("=")[2].strip().strip("\"'")
    return "unknown"


class NativeLog:
    """Sends llama.cpp's warnings and errors to stderr, and remembers the last error and the
    buffers that were `taken`.

    What is remembered is only shown to people; nothing is decided by its text.
    """

    def __init__(self) -> None:
        self.last_error = ""
        self.taken = Taken()
        self._level = 0
        # The library keeps the bare pointer, so the callback must live as long as the process.
        self.callback = lib.llama_log_callback(self._write)

    def install(self) -> None:
        lib.llama_log_set(self.callback, None)

    def _write(self, level: int, text: bytes, _user_data: object) -> None:
        if level != _LOG_CONTINUED:
            self._level = level
        if self._level == _LOG_INFO and b" buffer size = " in text:
            self.taken.read(text.decode("utf-8", "replace"))
        if self._level not in (_LOG_WARN, _LOG_ERROR):
            return
        line = text.decode("utf-8", "replace")
        sys.stderr.write(line)
        if self._level == _LOG_ERROR and line.strip():
            self.last_error = line.strip()


log = NativeLog()
log.install()
lib.llama_backend_init()


@functools.cache
def media_library() -> Any:  # noqa: ANN401
    """The bindings of libmtmd, which only a model with a projector needs. Raises StartFailed."""
    (mtmd,) = _import_modules("mtmd_cpp")
    mtmd.mtmd_log_set(log.callback, None)
    mtmd.mtmd_helper_log_set(log.callback, None)
    return mtmd
