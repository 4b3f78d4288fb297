"""What a model remembers of each token and of each sequence, from its header.

llama.cpp decides by architecture which layers slide and which are recurrent; what a header does not
tell is in the tables here, as llama.cpp's sources have it.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from hob.models.gguf.header import Header
from hob.models.gguf.tensors import MAX_BLOCKS

# llama.cpp rounds the cells of a cache up to this many.
CELL_BLOCK = 256
# The quantized types of the KV cache store blocks of so many numbers, and heads fill whole ones.
KV_BLOCK = 32
# What a number of the KV cache takes in bytes.
KV_NUMBER_BYTES = {"f16": 2.0, "q8_0": 34 / 32, "q4_0": 18 / 32}
_STATE_NUMBER_BYTES = 4


class _Slide(NamedTuple):
    """Every `period`th layer sees everything, the first of them or the last; `window` is what
    llama.cpp takes when the header has none, 0 for no sliding then."""

    period: int
    dense_first: bool = False
    window: int = 0


_SLIDES = {
    "afmoe": _Slide(4),
    "cohere2": _Slide(4),
    "cohere2moe": _Slide(4, dense_first=True),
    "exaone-moe": _Slide(4, window=128),
    "exaone4": _Slide(4, window=4096),
    "gemma2": _Slide(2, window=4096),
    "gemma3": _Slide(6),
    "gemma3n": _Slide(5),
    "gpt-oss": _Slide(2),
    "laguna": _Slide(4, dense_first=True),
    "llama4": _Slide(4, window=8192),
    "mellum": _Slide(4),
    "muse-glimmer": _Slide(4),
    "olmo2": _Slide(4),
    "plamo3": _Slide(8),
    "smallthinker": _Slide(4, dense_first=True),
}
# Their headers name a window that llama.cpp does not use.
_WINDOW_IGNORED = frozenset({"phi3"})
# The window of these is this one, whatever their header says.
_FIXED_WINDOWS = {"llama4": 8192, "smallthinker": 4096}
_EXAONE4_SLIDING_LAYERS = 64

# Without a cache: they see the whole input at once.
_NO_MEMORY = frozenset(
    {
        "bert",
        "clef",
        "dream",
        "eurobert",
        "gemma-embedding",
        "jina-bert-v2",
        "jina-bert-v3",
        "llada",
        "llada-moe",
        "modern-bert",
        "neo-bert",
        "nomic-bert",
        "nomic-bert-moe",
        "rnd1",
        "t5encoder",
        "wavtokenizer-dec",
    }
)
_RECURRENT = frozenset({"arwkv7", "mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7"})
# Recurrent where a layer has no KV heads.
_HYBRID_BY_HEADS = frozenset(
    {
        "bailingmoe3",
        "glm5-next",
        "granitehybrid",
        "jamba",
        "kimi-k3",
        "kimi-linear",
        "lfm2",
        "lfm2moe",
        "nemotron_h",
        "nemotron_h_moe",
        "plamo2",
    }
)
# Recurrent but for every nth layer.
_HYBRID_BY_INTERVAL = {"minimax-01": 8, "qwen35": 4, "qwen35moe": 4, "qwen3next": 4, "qwen4exp": 4}
# Each layer has both.
_HYBRID_BOTH = frozenset({"falcon-h1"})
_KV_FROM_START = {"gemma3n": 20}
_WITH_INDEXER = frozenset({"deepseek32", "glm-dsa", "glm5-next", "minimax-m3", "qwen4exp"})


class Attention(msgspec.Struct, frozen=True):
    """The memory of each layer: `keys` and `values` are numbers for each token that it sees,
    `states` bytes for each sequence. Layers that are `sliding` see the last `window` tokens."""

    keys: tuple[int, ...]
    values: tuple[int, ...]
    sliding: tuple[bool, ...]
    states: tuple[int, ...]
    window: int = 0

    @property
    def recurrent(self) -> bool:
        """Its memory is a running state, at least in part."""
        return any(self.states)

    @property
    def kv_bytes_per_token(self) -> int:
        """In a cache of f16, over the layers that see everything; 0 when none does."""
        seen = sum(
            keys + values
            for keys, values, sliding in zip(self.keys, self.values, self.sliding, strict=True)
            if not sliding
        )
        return int(seen * KV_NUMBER_BYTES["f16"])

    def kv_bytes(
        self,
        context: int,
        kv_type: str,
        sequences: int,
        batch: int,
        layers: range | None = None,
    ) -> int:
        """Of a cache of `context` tokens that `sequences` share, with steps of `batch` tokens;
        of some layers only when `layers` are given."""
        number = KV_NUMBER_BYTES[kv_type]
        whole, sliding = self.cells(context, sequences, batch)
        total = 0.0
        for layer in layers if layers is not None else range(len(self.keys)):
            cells = sliding if self.sliding[layer] else whole
            total += (self.keys[layer] + self.values[layer]) * number * cells
            total += self.states[layer] * sequences
        return int(total)

    def cells(self, context: int, sequences: int, batch: int) -> tuple[int, int]:
        """Cells of the layers that see everything, and of those that slide."""
        whole = _padded(context)
        if not self.window:
            return whole, whole
        step = min(batch, whole)
        return whole, _padded(min(whole, self.window * sequences + step))


def find_attention(header: Header, architecture: str) -> Attention | None:
    """What the header tells of the memory; None when it does not tell the layers."""
    facts = _Facts(header, architecture)
    if not 0 < facts.layers <= MAX_BLOCKS:
        return None
    window, sliding = _sliding(facts)
    recurrent = [_is_recurrent(facts, layer) for layer in range(facts.layers)]
    remembers = [_remembers_tokens(facts, layer) for layer in range(facts.layers)]
    rows = [_row(facts, layer, sliding[layer]) for layer in range(facts.layers)]
    state = _state_bytes(facts)
    return Attention(
        keys=tuple(row[0] if kept else 0 for row, kept in zip(rows, remembers, strict=True)),
        values=tuple(row[1] if kept else 0 for row, kept in zip(rows, remembers, strict=True)),
        sliding=tuple(sliding),
        states=tuple(state if recurs else 0 for recurs in recurrent),
        window=window if any(sliding) else 0,
    )


class _Facts:
    """The header's numbers of one architecture; `layers` leaves out those that only guess ahead."""

    def __init__(self, header: Header, architecture: str) -> None:
        self._header = header
        self.architecture = architecture
        all_layers = self.number("block_count")
        self.layers = all_layers - min(self.number("nextn_predict_layers"), all_layers)
        self.embedding = self.number("embedding_length")

    def number(self, key: str, default: int = 0) -> int:
        """A whole number of 0 or more that is not absurd, or `default`."""
        value = self._header.integer(f"{self.architecture}.{key}")
        return value if value is not None and 0 <= value < 2**32 else default

    def stated(self, key: str) -> bool:
        return self._header.integer(f"{self.architecture}.{key}") is not None

    def each(self, key: str) -> tuple[int, ...]:
        """A list with a number for each layer, empty when there is none."""
        values = self._header.numbers(f"{self.architecture}.{key}")
        return tuple(map(int, values)) if len(values) >= self.layers else ()

    def at(self, key: str, layer: int, default: int) -> int:
        """The number of one layer, from a list or one for all of them."""
        if values := self.each(key):
            return max(0, values[layer])
        return self.number(key, default)

    def heads(self, layer: int = 0) -> int:
        return self.at("attention.head_count", layer, 0)

    def kv_heads(self, layer: int) -> int:
        return self.at("attention.head_count_kv", layer, self.heads(layer))


def _sliding(facts: _Facts) -> tuple[int, list[bool]]:
    """The window, and which layers have it."""
    none = [False] * facts.layers
    slide = _SLIDES.get(facts.architecture)
    window = facts.number("attention.sliding_window", slide.window if slide else 0)
    if not window or facts.architecture in _WINDOW_IGNORED:
        return 0, none
    if facts.architecture == "exaone4" and facts.layers != _EXAONE4_SLIDING_LAYERS:
        return 0, none
    window = _FIXED_WINDOWS.get(facts.architecture, window)
    if facts.architecture == "lfm2":
        return window, [not _is_recurrent(facts, layer) for layer in range(facts.layers)]
    pattern = facts.each("attention.sliding_window_pattern")
    if pattern:
        return window, [bool(value) for value in pattern[: facts.layers]]
    if slide is None:
        return 0, none
    period = facts.number("attention.sliding_window_pattern", slide.period)
    return window, [_slides(layer, period, slide.dense_first) for layer in range(facts.layers)]


def _slides(layer: int, period: int, dense_first: bool) -> bool:
    if not period:
        return True
    return layer % period != 0 if dense_first else layer % period < period - 1


def _is_recurrent(facts: _Facts, layer: int) -> bool:
    name = facts.architecture
    if name in _RECURRENT or name in _HYBRID_BOTH:
        return True
    if name in _HYBRID_BY_HEADS:
        return facts.kv_heads(layer) == 0 and not _only_feeds_forward(facts, layer)
    if name in _HYBRID_BY_INTERVAL:
        if listed := facts.each("attention.recurrent_layers"):
            return bool(listed[layer])
        interval = facts.number("full_attention_interval", _HYBRID_BY_INTERVAL[name])
        return (layer + 1) % max(interval, 1) != 0
    return False


def _only_feeds_forward(facts: _Facts, layer: int) -> bool:
    """Nemotron-H has layers that neither attend nor recur."""
    return facts.architecture.startswith("nemotron_h") and bool(
        facts.at("feed_forward_length", layer, 0)
    )


def _remembers_tokens(facts: _Facts, layer: int) -> bool:
    name = facts.architecture
    if name in _NO_MEMORY or name in _RECURRENT:
        return False
    shared = facts.number("attention.shared_kv_layers")
    if layer >= min(_KV_FROM_START.get(name, facts.layers), facts.layers - shared):
        return False
    if _only_feeds_forward(facts, layer):
        return False
    return name in _HYBRID_BOTH or not _is_recurrent(facts, layer)


def _row(facts: _Facts, layer: int, sliding: bool) -> tuple[int, int]:
    """The numbers of one token's keys and values in one layer."""
    heads = facts.heads()
    default = facts.embedding // heads if heads else 0
    key = facts.number("attention.key_length", default)
    value = facts.number("attention.value_length", default)
    if sliding:
        key = facts.number("attention.key_length_swa", key)
        value = facts.number("attention.value_length_swa", value)
    keys, values = facts.kv_heads(layer) * key, facts.kv_heads(layer) * value
    # With multi-head latent attention the values are made from what is kept as keys.
    if facts.number("attention.key_length_mla"):
        values = 0
    if facts.architecture in _WITH_INDEXER:
        keys += facts.number("attention.indexer.key_length")
    return keys, values


def _state_bytes(facts: _Facts) -> int:
    """Of one sequence in one recurrent layer: what its convolution and its sum remember."""
    width, heads = facts.embedding, facts.heads()
    kernel = facts.number("ssm.conv_kernel")
    inner, state = facts.number("ssm.inner_size"), facts.number("ssm.state_size")
    if size := facts.number("wkv.head_size"):
        numbers = facts.number("token_shift_count", 2) * width + width * size
    elif cache := facts.number("shortconv.l_cache"):
        numbers = width * (cache - 1)
    elif size := facts.number("kda.head_dim"):
        numbers = 3 * (kernel - 1 if kernel else 3) * heads * size + size * size * heads
    elif facts.architecture == "minimax-01":
        size = facts.number("attention.key_length", width // heads if heads else 0)
        numbers = size * size * heads
    else:
        groups = facts.number("ssm.group_count")
        numbers = max(kernel - 1, 0) * (inner + 2 * groups * state) + state * inner
    return numbers * _STATE_NUMBER_BYTES


def _padded(cells: int) -> int:
    return -(-max(cells, 1) // CELL_BLOCK) * CELL_BLOCK
