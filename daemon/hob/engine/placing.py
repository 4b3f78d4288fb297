"""Where a model's layers go: what to try, what to refuse, and why it is not more."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hob.errors import ModelLoadFailed
from hob.wire.engine import Device, LoadOptions, Placement


def tries(options: LoadOptions, layers: int, *, offload: bool) -> list[int]:
    """Counts of layers to try to put on GPUs, most first. `layers` counts the output too."""
    if options.gpu_layers == 0 or not offload:
        return [0]
    most = min(options.gpu_layers or layers, layers)
    return list(dict.fromkeys([most, most * 3 // 4, most // 2, most // 4, 0]))


def gpus(devices: Sequence[Device]) -> list[Device]:
    """The devices that llama.cpp offloads to, by its numbers: an integrated GPU only where there is
    no other."""
    return [device for device in devices if device.kind == "gpu"] or [
        device for device in devices if device.kind == "igpu"
    ][:1]


def check(options: LoadOptions, found: Sequence[Device], *, most_devices: int) -> None:
    """Raises ModelLoadFailed for what llama.cpp would abort at, or misunderstand. `found` are the
    GPUs that may be offloaded to; without any, nothing about GPUs matters."""
    if options.kv_type != "f16" and options.flash_attention == "off":
        raise ModelLoadFailed(
            f"A KV cache of {options.kv_type} needs flash attention, which is off.",
            hint="Run `hob config set engine.flash_attention auto`, or set engine.kv_type to f16.",
            param="engine.flash_attention",
        )
    if not found or options.gpu_layers == 0:
        return
    if not 0 <= options.main_gpu < len(found):
        raise ModelLoadFailed(
            f"engine.main_gpu is {options.main_gpu}, and the GPUs here are numbered "
            f"0 to {len(found) - 1}.",
            hint="Run `hob doctor` to see the GPUs, and set engine.main_gpu to one of them.",
            param="engine.main_gpu",
        )
    shares = options.tensor_split
    if len(shares) > min(len(found), most_devices):
        raise ModelLoadFailed(
            f"engine.tensor_split has {len(shares)} shares, and there are {len(found)} GPUs.",
            hint="Give a share for each GPU, or none at all.",
            param="engine.tensor_split",
        )
    if shares and not (all(0 <= share < math.inf for share in shares) and sum(shares) > 0):
        raise ModelLoadFailed(
            "engine.tensor_split must be shares of 0 or more, one of them above 0.",
            hint="Give each GPU's share, such as 3,1.",
            param="engine.tensor_split",
        )


def placement(
    options: LoadOptions, found: Sequence[Device], *, layers: int, asked: int, tried: int
) -> Placement:
    """What became of a load. `layers` are the model's own, `asked` what the last of `tried` tries
    put on the GPUs, the output counted too."""
    on_gpu = min(asked, layers) if found else 0
    device = found[options.main_gpu if options.split_mode == "none" else 0] if on_gpu else None
    return Placement(
        device=(device.description or device.name) if device else "CPU",
        layers=layers,
        layers_on_gpu=on_gpu,
        why=_why(options, found, layers, on_gpu, tried),
    )


def _why(
    options: LoadOptions, found: Sequence[Device], layers: int, on_gpu: int, tried: int
) -> str:
    if on_gpu == layers:
        return ""
    if options.gpu_layers == 0:
        return "engine.gpu_layers is 0"
    if not found:
        return "this build of llama.cpp has no GPU support, or there is no GPU"
    if tried > 1:
        return f"the model did not fit: {on_gpu} of {layers} layers after {tried} tries"
    return f"engine.gpu_layers is {options.gpu_layers}"
