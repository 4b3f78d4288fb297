"""Where a model's layers go: what to try, and what to say of it. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hob.errors import InvalidRequest
from hob.wire.engine import Device, LoadOptions, Placement

# A number above any model's, since the count of layers is not known before the file is read.
ALL_LAYERS = 999
# Models have 20 to 130 layers; each try costs a part of a load.
_FEWER = (48, 32, 24, 16, 8)


def gpus_of(devices: Sequence[Device]) -> list[Device]:
    return [device for device in devices if device.kind in ("gpu", "igpu")]


def layer_wishes(options: LoadOptions, can_offload: bool) -> list[int]:
    """How many layers to try to offload, most first: what is asked for or all, then fewer, then
    none."""
    if options.gpu_layers == 0 or not can_offload:
        return [0]
    if options.gpu_layers:
        most = options.gpu_layers
        return sorted({most, most * 3 // 4, most // 2, most // 4, 0}, reverse=True)
    return [ALL_LAYERS, *_FEWER, 0]


def check_split(options: LoadOptions, gpus: Sequence[Device]) -> None:
    """Raises InvalidRequest for GPUs that there are not: llama.cpp would end the process."""
    if not gpus:
        return
    if not 0 <= options.main_gpu < len(gpus):
        raise InvalidRequest(
            f"engine.main_gpu is {options.main_gpu}, and this machine has {len(gpus)} GPUs.",
            hint=f"Set it to 0 to {len(gpus) - 1} with `hob config set engine.main_gpu N`.",
            param="engine.main_gpu",
        )
    if len(options.tensor_split) > len(gpus):
        raise InvalidRequest(
            f"engine.tensor_split names {len(options.tensor_split)} shares for {len(gpus)} GPUs.",
            hint="Give one number for each GPU.",
            param="engine.tensor_split",
        )
    shares = options.tensor_split
    if shares and not (all(0 <= share < math.inf for share in shares) and sum(shares) > 0):
        raise InvalidRequest(
            "engine.tensor_split must be shares of 0 or more, one of them above 0.",
            hint="Give one number for each GPU, such as 3,1.",
            param="engine.tensor_split",
        )


def check_kv_type(options: LoadOptions) -> None:
    """Raises InvalidRequest: a quantized cache needs flash attention."""
    if options.kv_type != "f16" and options.flash_attention == "off":
        raise InvalidRequest(
            f"A KV cache of type {options.kv_type} needs flash attention, which is off.",
            hint="`hob config set engine.flash_attention auto`, or engine.kv_type f16.",
            param="engine.kv_type",
        )


def placement(
    options: LoadOptions, gpus: Sequence[Device], can_offload: bool, layers: int, offloaded: int
) -> Placement:
    """`offloaded` is what llama.cpp was asked for and did."""
    on_gpu = min(offloaded, layers) if gpus else 0
    device = (gpus[0].description or gpus[0].name) if on_gpu else "CPU"
    why = ""
    if on_gpu < layers:
        why = _why(options, gpus, can_offload, on_gpu, layers)
    return Placement(device=device, layers=layers, layers_on_gpu=on_gpu, why=why)


def _why(
    options: LoadOptions, gpus: Sequence[Device], can_offload: bool, on_gpu: int, layers: int
) -> str:
    if not can_offload:
        return "this build of llama.cpp has no GPU support"
    if not gpus:
        # With nothing to go there they are not looked for.
        return "no layer was to go to a GPU" if options.gpu_layers == 0 else "no GPU was found"
    if options.gpu_layers and on_gpu >= min(options.gpu_layers, layers):
        return f"{options.gpu_layers} layers were to go to the GPU"
    return f"more than {on_gpu} of {layers} layers did not fit into the GPU's memory"
