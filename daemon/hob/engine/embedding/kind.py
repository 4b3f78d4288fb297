"""What a model is for, from its metadata. Pure."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from hob.errors import ModelLoadFailed
from hob.wire.engine import ModelKind
from hob.wire.models import ENCODER_ARCHITECTURES


class Pooling(IntEnum):
    """How the vectors of an input's tokens become one; numbered as in llama.cpp and GGUF."""

    NONE = 0
    MEAN = 1
    CLS = 2
    LAST = 3
    RANK = 4


class Purpose(NamedTuple):
    kind: ModelKind
    pooling: Pooling


def purpose(architecture: str, stated: str, has_labels: bool) -> Purpose:
    """What the model is for, and how it pools. `stated` is its metadata's pooling type, empty when
    it has none; `has_labels` says that it has a classifier.

    Raises ModelLoadFailed for a pooling type that there is not: llama.cpp aborts on those.
    """
    pooling = _pooling(stated)
    if pooling is Pooling.RANK or has_labels:
        return Purpose("reranking", Pooling.RANK)
    if pooling is not Pooling.NONE:
        return Purpose("embedding", pooling)
    if architecture in ENCODER_ARCHITECTURES:
        return Purpose("embedding", Pooling.MEAN)
    return Purpose("text", Pooling.NONE)


def _pooling(stated: str) -> Pooling:
    if not stated:
        return Pooling.NONE
    try:
        return Pooling(int(stated))
    except ValueError as error:
        raise ModelLoadFailed(
            f"The model's file asks for the pooling type {stated[:20]}, which there is not.",
            hint="Fetch the file again, or choose another model.",
        ) from error
