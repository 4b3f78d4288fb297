"""The reasons why a model must not be given to llama.cpp, or would not work there.

Refused are the values that llama.cpp answers with abort() instead of an error, and those that no
model has. Everything else is left to llama.cpp, which runs in a process of its own.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from hob.errors import BadModelFile
from hob.models.gguf.header import Header
from hob.models.gguf.types import ValueType

# llama.cpp's LLAMA_MAX_LAYERS and LLAMA_MAX_EXPERTS.
MAX_BLOCKS = 512
MAX_EXPERTS = 1024
# ggml places tensors in memory on multiples of this and aborts on others.
LEAST_ALIGNMENT = 32

PROJECTOR_ARCHITECTURES = frozenset({"clip", "mmproj"})
# Without attention, so a head count of 0 is what they have.
_RECURRENT_ARCHITECTURES = frozenset({"arwkv7", "mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7"})
_ROPE_SCALINGS = frozenset({"none", "linear", "yarn", "longrope"})
_EPSILONS = ("layer_norm_epsilon", "layer_norm_rms_epsilon", "group_norm_epsilon")
_TEXT_CHARS = 200


class _Range(NamedTuple):
    key: str
    least: int
    most: int
    required: bool = False


# Where llama.cpp sets no limit, `most` is far above what any model has.
_RANGES = (
    _Range("block_count", 1, MAX_BLOCKS, required=True),
    _Range("context_length", 1, 2**32 - 1, required=True),
    _Range("embedding_length", 1, 2**20, required=True),
    _Range("feed_forward_length", 0, 2**24),
    _Range("attention.head_count", 1, 2**16),
    _Range("attention.head_count_kv", 0, 2**16),
    _Range("attention.key_length", 1, 2**16),
    _Range("attention.value_length", 1, 2**16),
    _Range("rope.dimension_count", 0, 2**16),
    _Range("expert_count", 0, MAX_EXPERTS),
)


def find_problem(header: Header, architecture: str) -> BadModelFile | None:
    """Why llama.cpp should not be given this file, or None."""
    if header.problem is not None:
        return header.problem
    if not_a_model := _not_a_model(header, architecture):
        return not_a_model
    why = (
        _bad_number(header, architecture)
        or _bad_experts(header, architecture)
        or _bad_detail(header, architecture)
        or _bad_vocabulary(header)
    )
    return unusable(why) if why else None


def clean(text: str, most: int = _TEXT_CHARS) -> str:
    """A stranger's text as one line that is safe to print on a terminal, of `most` characters."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(printable.split())[:most]


def unusable(why: str) -> BadModelFile:
    return BadModelFile(
        f"The model cannot be loaded: {why}.", hint="Fetch the file again, or get another one."
    )


def is_projector(header: Header, architecture: str) -> bool:
    return header.text("general.type") == "mmproj" or architecture in PROJECTOR_ARCHITECTURES


def _not_a_model(header: Header, architecture: str) -> BadModelFile | None:
    kind = header.text("general.type")
    if is_projector(header, architecture):
        return BadModelFile(
            "The file is a projector (mmproj), not a model by itself.",
            hint="It gives eyes or ears to the language model that it came with; get that too.",
        )
    if kind == "adapter":
        return BadModelFile(
            "The file is an adapter (LoRA), not a model by itself.",
            hint="Load its base model, and name the adapter in the `lora` of a request.",
        )
    if kind not in ("", "model"):
        return unusable(f"its type is '{clean(kind)}', which is not a language model")
    if not architecture:
        return unusable("its header does not say which architecture it has")
    if not header.tensor_count:
        return unusable("it holds no weights, only a header")
    return None


def _bad_number(header: Header, architecture: str) -> str:
    for limit in _RANGES:
        entry = header.metadata.get(f"{architecture}.{limit.key}")
        if entry is None:
            if limit.required:
                return f"its header does not say {limit.key}"
            continue
        if entry.kind == ValueType.ARRAY and not limit.required:
            continue  # one number a block, which llama.cpp checks itself
        value = header.integer(f"{architecture}.{limit.key}")
        if value is None:
            return f"its {limit.key} is not a whole number"
        without = limit.key.startswith("attention.") and architecture in _RECURRENT_ARCHITECTURES
        if not (0 if without else limit.least) <= value <= limit.most:
            return f"its {limit.key} is {value:,}, which no model can have"
    return ""


def _bad_experts(header: Header, architecture: str) -> str:
    """The rules for mixtures of experts, all of which llama.cpp asserts."""

    def number(key: str) -> int:
        return header.integer(f"{architecture}.{key}") or 0

    experts = number("expert_count")
    if experts <= 1 and architecture.startswith("hunyuan"):
        return ""  # llama.cpp takes these as dense, whatever the header says
    used = number("expert_used_count")
    per_block = header.array(f"{architecture}.expert_used_count")
    if used > experts or (per_block and not experts):
        return "it uses more experts than it has"
    if experts and not used and not per_block:
        return "it has experts and uses none"
    groups = number("expert_group_count")
    if groups and groups >= experts:
        return "it has more groups of experts than experts"
    groups_used = number("expert_group_used_count")
    if groups > 1 and (experts % groups or not 0 < groups_used < groups):
        return "its groups of experts do not add up"
    return ""


def _bad_detail(header: Header, architecture: str) -> str:
    blocks = header.integer(f"{architecture}.block_count") or 0
    if (header.integer(f"{architecture}.nextn_predict_layers") or 0) > blocks:
        return "it has more prediction layers than layers"
    scaling = header.text(f"{architecture}.rope.scaling.type")
    if scaling and scaling not in _ROPE_SCALINGS:
        return f"its rope scaling '{clean(scaling)}' is not known"
    for name in _EPSILONS:
        value = header.number(f"{architecture}.attention.{name}")
        if value is not None and not (math.isfinite(value) and value >= 0):
            return f"its {name} is {value}"
    alignment = header.integer("general.alignment")
    if alignment is not None and alignment < LEAST_ALIGNMENT:
        return f"its tensors are aligned to {alignment} bytes instead of {LEAST_ALIGNMENT}"
    return ""


def _bad_vocabulary(header: Header) -> str:
    tokens = header.array("tokenizer.ggml.tokens")
    if tokens is None or tokens.kind != ValueType.STRING or not tokens.length:
        return "it has no vocabulary"
    if header.text("tokenizer.ggml.model") in ("", "none", "no_vocab"):
        return "it has no tokenizer"
    for name, kinds in (
        ("scores", (ValueType.FLOAT32, ValueType.INT32)),
        ("token_type", (ValueType.INT32,)),
    ):
        if f"tokenizer.ggml.{name}" not in header.metadata:
            continue
        array = header.array(f"tokenizer.ggml.{name}")
        if array is None or array.kind not in kinds or array.length < tokens.length:
            return f"the list {name} does not fit its vocabulary"
    if "tokenizer.ggml.merges" in header.metadata:
        merges = header.array("tokenizer.ggml.merges")
        if merges is None or merges.kind != ValueType.STRING:
            return "the list merges of its vocabulary is not a list of texts"
    return ""
