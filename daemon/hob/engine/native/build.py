"""What this build of llama.cpp can do, and on which devices."""

from __future__ import annotations

import ctypes
from ctypes import CDLL
from typing import Any, Literal

from hob.engine.native.library import bindings_version, lib, shared_library
from hob.wire.engine import BuildInfo, Device

_Kind = Literal["cpu", "gpu", "igpu", "accel"]
_KINDS: dict[int, _Kind] = {0: "cpu", 1: "gpu", 2: "igpu", 3: "accel"}


def build_info() -> BuildInfo:
    return BuildInfo(
        llama_cpp_python=bindings_version(),
        system_info=system_info(),
        gpu_offload=can_offload(),
        devices=devices(),
    )


def system_info() -> str:
    """What llama.cpp was compiled for."""
    text: bytes = lib.llama_print_system_info()
    return text.decode("utf-8", "replace").strip()


def can_offload() -> bool:
    """True when the build and the machine can compute layers on a GPU."""
    return bool(lib.llama_supports_gpu_offload())


def most_devices() -> int:
    """How many devices a model can be split over."""
    return int(lib.llama_max_devices())


def devices() -> tuple[Device, ...]:
    """Every device that llama.cpp has found; asking a GPU for its memory starts its driver."""
    registry, base = shared_library("ggml"), shared_library("ggml-base")
    count = _function(registry, "ggml_backend_dev_count", ctypes.c_size_t)
    get = _function(registry, "ggml_backend_dev_get", ctypes.c_void_p, ctypes.c_size_t)
    return tuple(_device(base, get(index)) for index in range(count()))


def _device(base: CDLL, pointer: int) -> Device:
    name = _function(base, "ggml_backend_dev_name", ctypes.c_char_p, ctypes.c_void_p)
    about = _function(base, "ggml_backend_dev_description", ctypes.c_char_p, ctypes.c_void_p)
    kind = _function(base, "ggml_backend_dev_type", ctypes.c_int, ctypes.c_void_p)
    size_p = ctypes.POINTER(ctypes.c_size_t)
    memory = _function(base, "ggml_backend_dev_memory", None, ctypes.c_void_p, size_p, size_p)
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    memory(pointer, ctypes.byref(free), ctypes.byref(total))
    return Device(
        name=_text(name(pointer)),
        description=_text(about(pointer)),
        kind=_KINDS.get(kind(pointer), "accel"),
        total_bytes=total.value,
        free_bytes=free.value,
    )


def _function(library: CDLL, name: str, result: type | None, *arguments: type) -> Any:  # noqa: ANN401 - ctypes
    function = getattr(library, name)
    function.restype = result
    function.argtypes = arguments
    return function


def _text(value: bytes | None) -> str:
    return value.decode("utf-8", "replace") if value else ""
