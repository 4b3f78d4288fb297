"""What a GGUF header means: the facts of ModelInfo, and the reasons why a file cannot be used.

The values refused here are the ones that llama.cpp answers with abort() instead of an error, or
that no model has. Everything else is left to llama.cpp, which runs in a process of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from hob.errors import BadModelFile
from hob.models.gguf import Header
from hob.models.gguf_types import FILE_TYPE_GUESSED, FILE_TYPES, ValueType
from hob.wire.models import Capability

MAX_BLOCKS = 512  # LLAMA_MAX_LAYERS
# Above this a context length is not believable: four times the longest that any model claims.
MAX_CONTEXT_LENGTH = 2**25

_POOLING_RANK = 4
_TEXT_CHARS = 200

_EMBEDDING_ARCHITECTURES = frozenset(
    {
        "bert",
        "eurobert",
        "gemma-embedding",
        "jina-bert-v2",
        "jina-bert-v3",
        "llama-embed",
        "modern-bert",
        "neo-bert",
        "nomic-bert",
        "nomic-bert-moe",
        "t5encoder",
    }
)
_SPEECH_ARCHITECTURES = frozenset({"wavtokenizer-dec", "qwen3tts", "pockettts"})
# Without attention, so a head count of 0 is what they have.
_RECURRENT_ARCHITECTURES = frozenset({"arwkv7", "mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7"})
_PROJECTOR_ARCHITECTURES = frozenset({"clip", "mmproj"})


@dataclass(frozen=True)
class Description:
    """The fields of ModelInfo that a header fills, plus what names and shards are made from.

    `size_label` and `base_name` are the publisher's words for the size and the family.
    `shard_number` counts from 0; `shard_count` is 0 when the file is not split.
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
        # A later shard carries weights only; the first one says what the model is.
        problem=None if shard_number else _problem(header, architecture),
    )


def clean(text: str) -> str:
    """A stranger's text as one short line that is safe to print on a terminal."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(printable.split())[:_TEXT_CHARS]


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
    if architecture in _EMBEDDING_ARCHITECTURES or pooling > 0:
        return ("embedding",)
    if not architecture or architecture in _SPEECH_ARCHITECTURES | _PROJECTOR_ARCHITECTURES:
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


class _Range(NamedTuple):
    key: str
    least: int
    most: int
    required: bool


# A value of the largest size that is still a model's; above it lies only nonsense.
_RANGES = (
    _Range("block_count", 1, MAX_BLOCKS, True),
    _Range("context_length", 1, 2**32 - 1, True),
    _Range("embedding_length", 1, 2**20, True),
    _Range("feed_forward_length", 0, 2**24, False),
    _Range("vocab_size", 1, 2**24, False),
    _Range("attention.head_count", 1, 2**16, False),
    _Range("attention.head_count_kv", 0, 2**16, False),
    _Range("attention.key_length", 1, 2**16, False),
    _Range("attention.value_length", 1, 2**16, False),
    _Range("rope.dimension_count", 0, 2**16, False),
    _Range("expert_count", 0, 2**10, False),
    _Range("expert_used_count", 0, 2**10, False),
)


def _problem(header: Header, architecture: str) -> BadModelFile | None:
    """Why llama.cpp should not be given this file, or None."""
    if kind := _not_a_model(header, architecture):
        return kind
    for limit in _RANGES:
        entry = header.metadata.get(f"{architecture}.{limit.key}")
        if entry is None and limit.required:
            return _unusable(f"its header does not say {limit.key}")
        value = header.integer(f"{architecture}.{limit.key}")
        if value is None:
            if entry is not None and entry.kind != ValueType.ARRAY:
                return _unusable(f"its {limit.key} is not a whole number")
            continue
        zero_is_right = limit.key.startswith("attention.") and _is_recurrent(architecture)
        least = 0 if zero_is_right else limit.least
        if not least <= value <= limit.most:
            return _unusable(f"its {limit.key} is {value:,}, which no model can have")
    return _vocabulary_problem(header)


def _is_recurrent(architecture: str) -> bool:
    return architecture in _RECURRENT_ARCHITECTURES


def _not_a_model(header: Header, architecture: str) -> BadModelFile | None:
    kind = header.text("general.type")
    if kind == "mmproj" or architecture in _PROJECTOR_ARCHITECTURES:
        return BadModelFile(
            "The file is a projector (mmproj), not a model by itself.",
            hint="It gives eyes or ears to the language model that it came with; get that too.",
        )
    if kind == "adapter":
        return BadModelFile(
            "The file is an adapter (LoRA), not a model by itself.",
            hint="Get the base model, or a file into which the adapter is merged.",
        )
    if kind not in ("", "model"):
        return _unusable(f"its type is '{clean(kind)}', which is not a language model")
    if not architecture:
        return _unusable("its header does not say which architecture it has")
    if not header.tensor_count:
        return _unusable("it holds no weights, only a header")
    return None


def _vocabulary_problem(header: Header) -> BadModelFile | None:
    if header.text("tokenizer.ggml.model") in ("none", "no_vocab"):
        return None
    tokens = header.array("tokenizer.ggml.tokens")
    if tokens is None or tokens.kind != ValueType.STRING or not tokens.length:
        return _unusable("it has no vocabulary")
    for name, kinds in (
        ("scores", (ValueType.FLOAT32, ValueType.INT32)),
        ("token_type", (ValueType.INT32,)),
    ):
        if f"tokenizer.ggml.{name}" not in header.metadata:
            continue
        array = header.array(f"tokenizer.ggml.{name}")
        if array is None or array.kind not in kinds or array.length < tokens.length:
            return _unusable(f"the list {name} does not fit its vocabulary")
    if "tokenizer.ggml.merges" in header.metadata:
        merges = header.array("tokenizer.ggml.merges")
        if merges is None or merges.kind != ValueType.STRING:
            return _unusable("the list merges of its vocabulary is no list of texts")
    return None


def _unusable(why: str) -> BadModelFile:
    return BadModelFile(
        f"The model cannot be loaded: {why}.", hint="Fetch the file again, or get another one."
    )
