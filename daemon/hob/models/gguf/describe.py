"""What a GGUF header means: the facts of ModelInfo."""

from __future__ import annotations

from dataclasses import dataclass

from hob.errors import BadModelFile
from hob.models.gguf.attention import Attention, find_attention
from hob.models.gguf.capabilities import capabilities_of
from hob.models.gguf.checks import clean, find_problem, is_projector
from hob.models.gguf.header import TEMPLATE_KEY, Header
from hob.models.gguf.shape import Shape, find_shape
from hob.models.gguf.types import FILE_TYPE_GUESSED, FILE_TYPES
from hob.wire.models import Capability

# Above this a context length is not believable: four times the longest that any model claims.
MAX_CONTEXT_LENGTH = 2**25


@dataclass(frozen=True)
class Description:
    """The fields of ModelInfo that a header fills, plus what names and shards are made from.

    `fingerprint` is 16 hex digits that stand for the header and the file's size; a file without a
    whole header has none. `weight_bytes` is what the tensors take in it. `size_label` and
    `base_name` are the publisher's words for the size and the family. `shard_number` counts from 0;
    `shard_count` is 0 when the file is not split. `is_adapter`: it is a LoRA adapter, and
    `is_projector`: it gives another model eyes (`sees`) or ears (`hears`); the `problem` of both is
    that they are not models by themselves. `attention` is what it remembers, and `shape` how large
    its parts are.
    """

    title: str = ""
    architecture: str = ""
    base_name: str = ""
    size_label: str = ""
    parameters: int | None = None
    quantization: str = ""
    context_length: int | None = None
    embedding_length: int | None = None
    block_count: int | None = None
    vocabulary_size: int | None = None
    capabilities: tuple[Capability, ...] = ()
    has_chat_template: bool = False
    license: str = ""
    shard_number: int = 0
    shard_count: int = 0
    is_adapter: bool = False
    is_projector: bool = False
    sees: bool = False
    hears: bool = False
    fingerprint: str = ""
    weight_bytes: int | None = None
    attention: Attention | None = None
    shape: Shape | None = None
    problem: BadModelFile | None = None


def describe(header: Header) -> Description:
    """The facts of a header; `problem` says why a model cannot be loaded."""
    architecture = clean(header.text("general.architecture"))
    shard_number = header.integer("split.no") or 0
    context = header.integer(f"{architecture}.context_length")
    tokens = header.array("tokenizer.ggml.tokens")
    return Description(
        title=clean(header.text("general.name")),
        architecture=architecture,
        base_name=clean(header.text("general.basename")),
        size_label=clean(header.text("general.size_label")),
        parameters=header.parameters or None,
        quantization=_quantization(header),
        context_length=context if context and 0 < context <= MAX_CONTEXT_LENGTH else None,
        embedding_length=header.integer(f"{architecture}.embedding_length"),
        block_count=header.integer(f"{architecture}.block_count"),
        vocabulary_size=tokens.length if tokens else None,
        capabilities=capabilities_of(header, architecture),
        has_chat_template=bool(header.text(TEMPLATE_KEY).strip()),
        license=clean(header.text("general.license") or header.text("general.license.name")),
        shard_number=shard_number,
        shard_count=header.integer("split.count") or 0,
        is_adapter=header.text("general.type") == "adapter",
        is_projector=is_projector(header, architecture),
        sees=header.flag("clip.has_vision_encoder"),
        hears=header.flag("clip.has_audio_encoder"),
        fingerprint=header.fingerprint,
        weight_bytes=header.weight_bytes,
        attention=None if shard_number else find_attention(header, architecture),
        shape=find_shape(header, architecture),
        # A later shard carries weights only; the first one says what the model is.
        problem=header.problem if shard_number else find_problem(header, architecture),
    )


def _quantization(header: Header) -> str:
    """The publisher's word, else the type that most of the weights have."""
    file_type = header.integer("general.file_type")
    if file_type is not None and (known := FILE_TYPES.get(file_type & ~FILE_TYPE_GUESSED)):
        return known
    groups = header.groups
    return max(groups, key=lambda group: group.size).form.name if groups else ""
