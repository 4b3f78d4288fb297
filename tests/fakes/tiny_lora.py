"""Writes LoRA adapters for the tiny model, and the tiny model with an adapter merged into it."""

from __future__ import annotations

import math
import random
import struct
from dataclasses import replace
from pathlib import Path

from fakes.tiny_gguf import Gguf, Tensor, tiny_gguf

RANK, ALPHA = 2, 4.0
_ADAPTED = ("blk.0.attn_v.weight", "blk.1.attn_output.weight", "blk.1.ffn_down.weight")
_DEVIATION = 0.5


def write_tiny_lora(path: Path, seed: str = "lora", *, wider: int = 0) -> Path:
    """Write an adapter of random numbers; `wider` makes its inputs wider than the model's."""
    tensors = []
    for tensor in _adapted():
        width, height = tensor.shape
        width += wider
        down, up = _numbers(seed, tensor, "a", width), _numbers(seed, tensor, "b", height)
        tensors += [
            Tensor(f"{tensor.name}.lora_a", (width, RANK), data=_packed(down)),
            Tensor(f"{tensor.name}.lora_b", (RANK, height), data=_packed(up)),
        ]
    metadata = {
        "general.architecture": "llama",
        "general.type": "adapter",
        "adapter.type": "lora",
        "adapter.lora.alpha": ALPHA,
    }
    path.write_bytes(Gguf(metadata=metadata, tensors=tensors).bytes())
    return path


def write_merged(path: Path, seed: str = "lora", scale: float = 1.0) -> Path:
    """Write the tiny model with W + alpha / rank * scale * B A for each adapted weight W."""
    whole = tiny_gguf()
    plain = whole.bytes()
    start = -(-len(whole.header()) // whole.alignment) * whole.alignment
    tensors = []
    for tensor in whole.tensors:
        size = 4 * math.prod(tensor.shape)
        data = plain[start : start + size]
        start += -(-size // whole.alignment) * whole.alignment
        if tensor.name in _ADAPTED:
            data = _merged(tensor, data, seed, ALPHA / RANK * scale)
        tensors.append(replace(tensor, data=data))
    path.write_bytes(replace(whole, tensors=tensors).bytes())
    return path


def _merged(tensor: Tensor, data: bytes, seed: str, factor: float) -> bytes:
    width, height = tensor.shape
    weights = struct.unpack(f"<{width * height}f", data)
    down, up = _numbers(seed, tensor, "a", width), _numbers(seed, tensor, "b", height)
    return _packed(
        [
            weights[row * width + column]
            + factor
            * sum(up[row * RANK + rank] * down[rank * width + column] for rank in range(RANK))
            for row in range(height)
            for column in range(width)
        ]
    )


def _adapted() -> list[Tensor]:
    return [tensor for tensor in tiny_gguf().tensors if tensor.name in _ADAPTED]


def _numbers(seed: str, tensor: Tensor, part: str, count: int) -> list[float]:
    numbers = random.Random(f"{seed} {tensor.name} {part}")
    return [numbers.gauss(0, _DEVIATION) for _ in range(count * RANK)]


def _packed(numbers: list[float]) -> bytes:
    return struct.pack(f"<{len(numbers)}f", *numbers)
