"""What is needed of a model's files to tell what fits. Pure."""

from __future__ import annotations

from itertools import zip_longest

from msgspec.structs import replace

from hob.models.fit.need import Facts
from hob.models.folder.scan import Model
from hob.models.gguf.attention import Attention
from hob.models.gguf.shape import Shape
from hob.wire.engine import ModelKind
from hob.wire.models import ENCODER_ARCHITECTURES, ModelInfo

# Where the header does not say.
_CONTEXT = 4096


def facts_of(model: Model) -> Facts:
    """From all of the model's files; what no header tells is guessed from their size."""
    info, about = model.info, model.files[0].about
    layers = max(info.block_count or 1, 1)
    attention = about.attention or _plain(info, layers)
    shapes = [file.about.shape or Shape() for file in model.files]
    shape = _joined(shapes, len(attention.keys))
    if not any(shape.block_bytes):
        shape = replace(shape, block_bytes=(-(-info.file_bytes // layers),) * layers)
    projector = model.projector
    return Facts(
        attention=attention,
        shape=shape,
        architecture=info.architecture,
        context_length=info.context_length or _CONTEXT,
        kind=_kind(info),
        encoder=info.architecture in ENCODER_ARCHITECTURES,
        projector_bytes=projector.stamp.size if projector and projector.stamp else 0,
    )


def _plain(info: ModelInfo, layers: int) -> Attention:
    width = info.embedding_length or 0
    return Attention(
        keys=(width,) * layers,
        values=(width,) * layers,
        sliding=(False,) * layers,
        states=(0,) * layers,
    )


def _joined(shapes: list[Shape], layers: int) -> Shape:
    """The parts of a split model together, without the blocks that only guess ahead."""
    blocks = zip_longest(*(shape.block_bytes for shape in shapes), fillvalue=0)
    return replace(
        shapes[0],
        block_bytes=tuple(sum(sizes) for sizes in blocks)[:layers],
        input_bytes=sum(shape.input_bytes for shape in shapes),
        output_bytes=sum(shape.output_bytes for shape in shapes),
        tied=all(shape.tied for shape in shapes),
    )


def _kind(info: ModelInfo) -> ModelKind:
    for kind in ("reranking", "embedding"):
        if kind in info.capabilities:
            return kind
    return "text"
