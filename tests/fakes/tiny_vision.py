"""Writes a tiny pair of files that sees: a llama model, and a projector (mmproj) of a vision
transformer that makes 16 tokens of an image. Their weights are noise, large enough for the answer
to depend on the image."""

from __future__ import annotations

import functools
import math
import random
import struct
from dataclasses import dataclass, replace
from pathlib import Path

from fakes.tiny_gguf import EMBEDDING, Gguf, Tensor, tiny_metadata, tiny_tensors

IMAGE_TOKENS = 16
_SIDE, _PATCH, _WIDTH, _HIDDEN, _BLOCKS = 32, 8, 32, 64, 2


@dataclass(frozen=True)
class Seeing:
    model: Path
    projector: Path


def write_tiny_vision(folder: Path) -> Seeing:
    """Write both files into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    pair = Seeing(folder / "tiny-llama.gguf", folder / "mmproj-tiny-llama.gguf")
    pair.model.write_bytes(seeing_model().bytes())
    pair.projector.write_bytes(tiny_projector().bytes())
    return pair


def seeing_model(context_length: int = 1024) -> Gguf:
    metadata = tiny_metadata() | {"llama.context_length": context_length}
    return Gguf(metadata, [_loud(tensor) for tensor in tiny_tensors()])


def two_dimensional_model() -> Gguf:
    """A model that gives images positions by row and column (M-RoPE)."""
    made = seeing_model()
    metadata = {key.replace("llama.", "qwen2vl."): value for key, value in made.metadata.items()}
    metadata |= {"general.architecture": "qwen2vl", "qwen2vl.rope.dimension_sections": [2, 1, 1, 0]}
    biases = [
        _loud(Tensor(tensor.name.replace("weight", "bias"), tensor.shape[1:]))
        for tensor in made.tensors
        if "attn_q" in tensor.name or "attn_k" in tensor.name or "attn_v" in tensor.name
    ]
    return Gguf(metadata, [*made.tensors, *biases])


def tiny_projector(kind: str = "mlp", width: int = EMBEDDING) -> Gguf:
    """`kind` is the projector's type, `width` the length of the text model's embeddings."""
    metadata: dict[str, object] = {
        "general.architecture": "clip",
        "general.type": "mmproj",
        "general.name": "Tiny Eyes",
        "general.file_type": 0,
        "clip.has_vision_encoder": True,
        "clip.projector_type": kind,
        "clip.use_gelu": True,
        "clip.vision.image_size": _SIDE,
        "clip.vision.patch_size": _PATCH,
        "clip.vision.embedding_length": _WIDTH,
        "clip.vision.feed_forward_length": _HIDDEN,
        "clip.vision.projection_dim": width,
        "clip.vision.block_count": _BLOCKS,
        "clip.vision.attention.head_count": 2,
        "clip.vision.attention.layer_norm_epsilon": 1e-5,
        "clip.vision.image_mean": [0.5, 0.5, 0.5],
        "clip.vision.image_std": [0.5, 0.5, 0.5],
    }
    return Gguf(metadata, [_loud(tensor) for tensor in _eyes(width)])


def _eyes(width: int) -> list[Tensor]:
    tensors = [
        Tensor("v.patch_embd.weight", (_PATCH, _PATCH, 3, _WIDTH)),
        Tensor("v.position_embd.weight", (_WIDTH, IMAGE_TOKENS)),
        Tensor("mm.0.weight", (_WIDTH, width)),
        Tensor("mm.0.bias", (width,)),
        Tensor("mm.2.weight", (width, width)),
        Tensor("mm.2.bias", (width,)),
    ]
    for block in range(_BLOCKS):
        for name, rows, columns in (
            ("attn_q", _WIDTH, _WIDTH),
            ("attn_k", _WIDTH, _WIDTH),
            ("attn_v", _WIDTH, _WIDTH),
            ("attn_out", _WIDTH, _WIDTH),
            ("ffn_up", _WIDTH, _HIDDEN),
            ("ffn_down", _HIDDEN, _WIDTH),
        ):
            tensors.append(Tensor(f"v.blk.{block}.{name}.weight", (rows, columns)))
            tensors.append(Tensor(f"v.blk.{block}.{name}.bias", (columns,)))
        for name in ("ln1", "ln2"):
            tensors.append(Tensor(f"v.blk.{block}.{name}.weight", (_WIDTH,)))
            tensors.append(Tensor(f"v.blk.{block}.{name}.bias", (_WIDTH,)))
    return tensors


def _loud(tensor: Tensor) -> Tensor:
    return replace(tensor, data=_noise(tensor.name, math.prod(tensor.shape)))


@functools.cache
def _noise(name: str, count: int) -> bytes:
    numbers = random.Random(name)
    return struct.pack(f"<{count}f", *(numbers.gauss(0, 0.4) for _ in range(count)))
