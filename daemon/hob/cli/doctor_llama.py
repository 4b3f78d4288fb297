"""The doctor on llama.cpp: does it load, and does its build fit this machine's CPU and GPUs?"""

from __future__ import annotations

from collections.abc import Iterator

from hob.cli.doctor_finding import Finding, ok, problem, warning
from hob.cli.doctor_system import Gpu, System, Vendor
from hob.cli.formatting import size
from hob.wire.engine import BuildInfo

# Features worth a new build, in llama.cpp's words, and what Linux calls them.
_CPU_FEATURES = {
    "AVX": "avx",
    "AVX2": "avx2",
    "FMA": "fma",
    "F16C": "f16c",
    "BMI2": "bmi2",
    "AVX_VNNI": "avx_vnni",
    "AVX512": "avx512f",
    "AVX512_VBMI": "avx512vbmi",
    "AVX512_VNNI": "avx512_vnni",
    "AVX512_BF16": "avx512_bf16",
    "AMX_INT8": "amx_int8",
    "NEON": "asimd",
    "DOTPROD": "asimddp",
    "MATMUL_INT8": "i8mm",
    "SVE": "sve",
}
_FOR_THIS_CPU = "-DGGML_NATIVE=on"

# How to build llama.cpp for a vendor's GPU, and what that build needs.
_BACKENDS: dict[Vendor, tuple[str, str]] = {
    "nvidia": ("-DGGML_CUDA=on", "the CUDA toolkit (nvcc)"),
    "amd": ("-DGGML_VULKAN=on", "the Vulkan headers and glslc (with ROCm take -DGGML_HIP=on)"),
    "intel": ("-DGGML_VULKAN=on", "the Vulkan headers and glslc"),
    "apple": ("-DGGML_METAL=on", "Xcode's command line tools"),
}


def check_llama(system: System) -> Iterator[Finding]:
    probe = system.probe()
    if probe.build is None:
        why = "It was built for another CPU. " if probe.illegal_instruction else ""
        again = system.reinstall_line(_FOR_THIS_CPU)
        yield problem("llama.cpp", probe.failure, f"{why}Install it again: {again}")
        return
    yield ok("llama.cpp", f"llama-cpp-python {probe.build.llama_cpp_python} loads")
    yield _cpu(system, probe.build)
    yield from _gpus(system, probe.build)


def built_features(system_info: str) -> frozenset[str]:
    """The features in a text such as `CPU : AVX2 = 1 | FMA = 1 | AVX512 = 0 |`."""
    parts = (part.rpartition(":")[2].partition("=") for part in system_info.split("|"))
    return frozenset(name.strip() for name, _, value in parts if value.strip() not in {"", "0"})


def _cpu(system: System, build: BuildInfo) -> Finding:
    flags = system.cpu_flags()
    built = built_features(build.system_info)
    missing = [name for name, flag in _CPU_FEATURES.items() if flag in flags and name not in built]
    if missing:
        return warning(
            "cpu",
            f"llama.cpp is built without {', '.join(missing)}, which this CPU has.",
            f"A build for this CPU answers faster: {system.reinstall_line(_FOR_THIS_CPU)}",
        )
    used = [name for name in _CPU_FEATURES if name in built]
    return ok("cpu", f"llama.cpp uses {', '.join(used) or 'no special features'}")


def _gpus(system: System, build: BuildInfo) -> Iterator[Finding]:
    usable = [device for device in build.devices if device.kind in {"gpu", "igpu"}]
    for device in usable:
        name = device.description or device.name
        yield ok("gpu", f"llama.cpp can use {name} ({size(device.total_bytes)})")
    if usable:
        return
    gpus = system.gpus()
    if not gpus:
        yield ok("gpu", "none found; models run on the CPU")
    for gpu in gpus:
        yield _unused(system, gpu, built_for_gpus=build.gpu_offload)


def _unused(system: System, gpu: Gpu, *, built_for_gpus: bool) -> Finding:
    if built_for_gpus or not gpu.driver:
        return warning(
            "gpu",
            f"{gpu.name} is there, but no driver makes it usable, so models run on the CPU.",
            "Install the vendor's driver and run `hob doctor` again.",
        )
    cmake_args, needs = _BACKENDS[gpu.vendor]
    message = f"{gpu.name} is not used: llama.cpp is built for the CPU alone."
    hint = f"To use it, install {needs}, then run: {system.reinstall_line(cmake_args)}"
    # Intel's are mostly part of the CPU, and rarely faster than the CPU itself.
    return ok("gpu", message, hint) if gpu.vendor == "intel" else warning("gpu", message, hint)
