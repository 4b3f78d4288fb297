"""What a GGUF header means: the facts of ModelInfo."""

from __future__ import annotations

from dataclasses import dataclass

from hob.errors import BadModelFile
from hob.models.gguf.checks import PROJECTOR_ARCHITECTURES, clean, find_problem, is_projector
from hob.models.gguf.header import Header
from hob.models.gguf.types import FILE_TYPE_GUESSED, FILE_TYPES
from hob.wire.models import ENCODER_ARCHITECTURES, Capability

# Above this a context length is not believable: four times the longest that any model claims.
MAX_CONTEXT_LENGTH = 2**25

_POOLING_RANK = 4

_SPEECH_ARCHITECTURES = frozenset({"wavtokenizer-dec", "qwen3tts", "pockettts"})


@dataclass(frozen=True)
class Description:
    """The fields of ModelInfo that a header fills, plus what names and shards are made from.

    `fingerprint` is 16 hex digits that stand for the header and the file's size; a file without a
    whole header has none. `weight_bytes` is what the tensors take in it.
    `size_label` and `base_name` are the publisher's words for the size and the family.
    `shard_number` counts from 0; `shard_count` is 0 when the file is not split. `is_adapter`: it is
    a LoRA adapter, and `is_projector`: it gives another model eyes (`sees`) or ears; the `problem`
    of both is that they are not models by themselves.
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
    fingerprint: str = ""
    weight_bytes: int | None = None
    problem: BadModelFile | None = None


def describe(header: Header) -> Description:
    """The facts of a header; `problem` says why a model cannot be loaded."""
    architecture = clean(header.text("general.architecture"))
    shard_number = header.integer("split.no") or 0
    has_template = bool(header.text("tokenizer.chat_template").strip())
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
        capabilities=_capabilities(header, architecture, has_template),
        has_chat_template=has_template,
        license=clean(header.text("general.license")),
        shard_number=shard_number,
        shard_count=header.integer("split.count") or 0,
        is_adapter=header.text("general.type") == "adapter",
        is_projector=is_projector(header, architecture),
        sees=header.flag("clip.has_vision_encoder"),
        fingerprint=header.fingerprint,
        weight_bytes=sum(header.bytes_by_type.values()),
        # A later shard carries weights only; the first one says what the model is.
        problem=None if shard_number else find_problem(header, architecture),
    )


def _quantization(header: Header) -> str:
    """The publisher's word, else the type that most of the weights have."""
    file_type = header.integer("general.file_type")
    if file_type is not None and (known := FILE_TYPES.get(file_type & ~FILE_TYPE_GUESSED)):
        return known
    by_type = header.bytes_by_type
    return max(by_type, key=lambda name: by_type[name]) if by_type else ""


def _capabilities(header: Header, architecture: str, template: bool) -> tuple[Capability, ...]:
    pooling = header.integer(f"{architecture}.pooling_type") or 0
    labels = header.array(f"{architecture}.classifier.output_labels")
    if pooling == _POOLING_RANK or (labels and labels.length):
        return ("reranking",)
    if architecture in ENCODER_ARCHITECTURES or pooling > 0:
        return ("embedding",)
    if not architecture or architecture in _SPEECH_ARCHITECTURES | PROJECTOR_ARCHITECTURES:
        return ()
    found: list[Capability] = ["completion"]
    if template or _named_for_chat(header):
        found.insert(0, "chat")
    if _has_token(header, "fim_pre", "prefix") and _has_token(header, "fim_suf", "suffix"):
        found.append("infill")
    return tuple(found)


def _named_for_chat(header: Header) -> bool:
    words = f"{header.text('general.name')} {header.text('general.finetune')}".lower()
    return any(word in ("chat", "instruct", "it") for word in words.replace("-", " ").split())


def _has_token(header: Header, *names: str) -> bool:
    return any(header.integer(f"tokenizer.ggml.{name}_token_id") is not None for name in names)
