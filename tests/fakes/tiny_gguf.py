"""Writes tiny GGUF files: a whole llama model of about 100 kB that llama.cpp loads, and broken
variants of it.

    write_tiny_gguf(path)                                       a model that chats in noise
    write_tiny_gguf(path, {"llama.block_count": 513})           one value changed
    write_tiny_gguf(path, {"tokenizer.chat_template": None})    one key left out
"""

from __future__ import annotations

import functools
import math
import random
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY, UINT64 = 4, 5, 6, 7, 8, 9, 10

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
EMBEDDING, HEADS, KV_HEADS, FEED_FORWARD, BLOCKS = 32, 4, 2, 64, 2


@dataclass(frozen=True)
class Raw:
    """A metadata value given as its type number and its bytes."""

    kind: int
    data: bytes


@dataclass(frozen=True)
class Tensor:
    """`offset` None places it behind the one before it; `data` None fills it with noise."""

    name: str
    shape: tuple[int, ...]
    kind: int = 0
    offset: int | None = None
    data: bytes | None = None


@dataclass(frozen=True)
class Gguf:
    """A file before it is bytes. Counts of None are the true ones."""

    metadata: Mapping[str, object] = field(default_factory=dict)
    tensors: Sequence[Tensor] = ()
    version: int = 3
    order: str = "<"
    alignment: int = 32
    tensor_count: int | None = None
    key_count: int | None = None

    def header(self) -> bytes:
        """Everything before the tensors' data."""
        # Version 1 writes counts and lengths in 32 bits.
        order, wide = self.order, "I" if self.version == 1 else "Q"
        form = order + wide
        tensor_count = len(self.tensors) if self.tensor_count is None else self.tensor_count
        key_count = len(self.metadata) if self.key_count is None else self.key_count
        out = bytearray(b"GGUF")
        out += struct.pack(f"{order}I{wide * 2}", self.version, tensor_count, key_count)
        for key, value in self.metadata.items():
            out += _text(key, form) + _value(value, form)
        offset = 0
        for tensor in self.tensors:
            at = offset if tensor.offset is None else tensor.offset
            out += _text(tensor.name, form) + struct.pack(f"{order}I", len(tensor.shape))
            out += struct.pack(order + wide * len(tensor.shape), *tensor.shape)
            out += struct.pack(f"{order}IQ", tensor.kind, at)
            offset = _padded(at + len(_data(tensor)), self.alignment)
        return bytes(out)

    def bytes(self) -> bytes:
        header = self.header()
        out = bytearray(header.ljust(_padded(len(header), self.alignment), b"\0"))
        for tensor in self.tensors:
            out += _data(tensor)
            out += bytes(_padded(len(out), self.alignment) - len(out))
        return bytes(out)


def tiny_gguf(overrides: Mapping[str, object] | None = None) -> Gguf:
    """The tiny model, with metadata values changed, added, or (None) left out."""
    metadata = tiny_metadata() | dict(overrides or {})
    kept = {key: value for key, value in metadata.items() if value is not None}
    return Gguf(metadata=kept, tensors=tiny_tensors())


def write_tiny_gguf(path: Path, overrides: Mapping[str, object] | None = None) -> Path:
    """Write the tiny model to `path`, and return `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(tiny_gguf(overrides).bytes())
    return path


def write_split_gguf(folder: Path, stem: str, count: int = 3) -> list[Path]:
    """Write the tiny model as `count` parts; the first one holds all metadata."""
    whole = tiny_gguf()
    share = -(-len(whole.tensors) // count)
    paths = []
    for number in range(count):
        split = {
            "split.no": Raw(2, struct.pack("<H", number)),
            "split.count": Raw(2, struct.pack("<H", count)),
            "split.tensors.count": len(whole.tensors),
        }
        part = replace(
            whole,
            metadata=(dict(whole.metadata) if number == 0 else {}) | split,
            tensors=whole.tensors[number * share : (number + 1) * share],
        )
        path = folder / f"{stem}-{number + 1:05d}-of-{count:05d}.gguf"
        path.write_bytes(part.bytes())
        paths.append(path)
    return paths


def tiny_metadata() -> dict[str, object]:
    """The metadata of the tiny model; integers are written as 32 bits without sign."""
    tokens = tiny_vocabulary()
    return {
        "general.architecture": "llama",
        "general.type": "model",
        "general.name": "Tiny Llama",
        "general.file_type": 0,
        "general.license": "apache-2.0",
        "llama.block_count": BLOCKS,
        "llama.context_length": 256,
        "llama.embedding_length": EMBEDDING,
        "llama.feed_forward_length": FEED_FORWARD,
        "llama.attention.head_count": HEADS,
        "llama.attention.head_count_kv": KV_HEADS,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.rope.dimension_count": EMBEDDING // HEADS,
        "llama.rope.freq_base": 10_000.0,
        "llama.vocab_size": len(tokens),
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.scores": [float(-index) for index in range(len(tokens))],
        "tokenizer.ggml.token_type": [_token_type(token) for token in tokens],
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.unknown_token_id": 0,
        "tokenizer.chat_template": CHATML,
    }


def tiny_vocabulary() -> list[str]:
    """Control tokens, all 256 bytes, and the printable characters of ASCII."""
    control = ["<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"]
    characters = ["\u2581", *(chr(code) for code in range(33, 127))]
    return [*control, *(f"<0x{byte:02X}>" for byte in range(256)), *characters]


def tiny_tensors() -> list[Tensor]:
    """The weights of the tiny model, 32-bit floats."""
    vocabulary = len(tiny_vocabulary())
    key_length = EMBEDDING // HEADS * KV_HEADS
    tensors = [
        Tensor("token_embd.weight", (EMBEDDING, vocabulary)),
        Tensor("output_norm.weight", (EMBEDDING,)),
        Tensor("output.weight", (EMBEDDING, vocabulary)),
    ]
    for block in range(BLOCKS):
        tensors += [
            Tensor(f"blk.{block}.{name}.weight", shape)
            for name, shape in (
                ("attn_norm", (EMBEDDING,)),
                ("attn_q", (EMBEDDING, EMBEDDING)),
                ("attn_k", (EMBEDDING, key_length)),
                ("attn_v", (EMBEDDING, key_length)),
                ("attn_output", (EMBEDDING, EMBEDDING)),
                ("ffn_norm", (EMBEDDING,)),
                ("ffn_gate", (EMBEDDING, FEED_FORWARD)),
                ("ffn_down", (FEED_FORWARD, EMBEDDING)),
                ("ffn_up", (EMBEDDING, FEED_FORWARD)),
            )
        ]
    return tensors


def _token_type(token: str) -> int:
    """NORMAL 1, UNKNOWN 2, CONTROL 3, BYTE 6."""
    if token == "<unk>":
        return 2
    if token.startswith("<0x"):
        return 6
    return 3 if token.startswith("<") and len(token) > 1 else 1


def _data(tensor: Tensor) -> bytes:
    if tensor.data is not None:
        return tensor.data
    return _noise(tensor.name, math.prod(tensor.shape))


@functools.cache
def _noise(name: str, count: int) -> bytes:
    numbers = random.Random(name)
    return struct.pack(f"<{count}f", *(numbers.gauss(0, 0.05) for _ in range(count)))


def _text(text: str, form: str) -> bytes:
    """`form` is the byte order and the letter of a length."""
    data = text.encode()
    return struct.pack(form, len(data)) + data


def _value(value: object, form: str) -> bytes:
    kind, data = _encoded(value, form)
    return struct.pack(f"{form[0]}I", kind) + data


def _encoded(value: object, form: str) -> tuple[int, bytes]:
    order, wide = form[0], form[1]
    match value:
        case Raw():
            return value.kind, value.data
        case bool():
            return BOOL, struct.pack("?", value)
        case int():
            return UINT32, struct.pack(f"{order}I", value)
        case float():
            return FLOAT32, struct.pack(f"{order}f", value)
        case str():
            return STRING, _text(value, form)
        case list():
            kinds = {str: STRING, float: FLOAT32, int: INT32}
            kind = kinds[type(value[0])] if value else STRING
            items = b"".join(
                struct.pack(f"{order}i", item) if isinstance(item, int) else _encoded(item, form)[1]
                for item in value
            )
            return ARRAY, struct.pack(f"{order}I{wide}", kind, len(value)) + items
    raise TypeError(f"no GGUF value: {value!r}")


def _padded(size: int, alignment: int) -> int:
    return -(-size // alignment) * alignment
