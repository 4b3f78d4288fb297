"""How large the parts of a model are, from its header."""

from __future__ import annotations

import msgspec

from hob.models.gguf.header import Array, Header


class Shape(msgspec.Struct, frozen=True):
    """The widths that a step's buffers follow, and the bytes of the weights by part.

    `feed_forward` is the widest of a layer's, that of the experts asked together included. A tied
    model makes its logits with the weights of its input. Of a split model each file has its own
    `block_bytes`, `input_bytes` and `output_bytes`, and only the first the widths.
    """

    embedding: int = 0
    feed_forward: int = 0
    experts_width: int = 0
    state_width: int = 0
    heads: int = 0
    head_length: int = 0
    kv_width: int = 0
    vocabulary: int = 0
    block_bytes: tuple[int, ...] = ()
    input_bytes: int = 0
    output_bytes: int = 0
    tied: bool = False


def find_shape(header: Header, architecture: str) -> Shape:
    """What the header tells; numbers that it leaves out are 0."""

    def widest(key: str) -> int:
        entry = header.metadata.get(f"{architecture}.{key}")
        value = entry.value if entry else 0
        if isinstance(value, Array):
            return int(max((0, *value.numbers)))
        return value if isinstance(value, int) and 0 <= value < 2**32 else 0

    embedding, heads = widest("embedding_length"), widest("attention.head_count")
    head_length = widest("attention.key_length") or (embedding // heads if heads else 0)
    used = widest("expert_used_count")
    tokens = header.array("tokenizer.ggml.tokens")
    return Shape(
        embedding=embedding,
        feed_forward=max(
            widest("feed_forward_length"),
            widest("expert_feed_forward_length") * used,
        ),
        experts_width=used * embedding,
        state_width=widest("ssm.inner_size") or widest("kda.head_dim") * heads,
        heads=heads,
        head_length=head_length,
        kv_width=head_length * (widest("attention.head_count_kv") or heads),
        vocabulary=tokens.length if tokens else widest("vocab_size"),
        block_bytes=header.weights.blocks,
        input_bytes=header.weights.input,
        output_bytes=header.weights.output,
        tied=header.weights.tied,
    )
