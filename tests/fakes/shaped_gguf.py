"""Models of odd shapes, a few MB each and full of zeros, that llama.cpp loads: for what they take,
not for what they say."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from fakes.tiny_gguf import Gguf, Tensor, tiny_metadata, tiny_vocabulary

WIDTH, HEADS, HEAD, WIDE, LAYERS = 256, 8, 32, 704, 6
_F32, _F16 = 0, 1

Shape = tuple[str, tuple[int, ...]]


def _attention(heads: int, kv_heads: int, head: int = HEAD) -> list[Shape]:
    return [
        ("attn_norm", (WIDTH,)),
        ("attn_q", (WIDTH, heads * head)),
        ("attn_k", (WIDTH, kv_heads * head)),
        ("attn_v", (WIDTH, kv_heads * head)),
        ("attn_output", (heads * head, WIDTH)),
    ]


def _feed_forward(wide: int = WIDE) -> list[Shape]:
    return [
        ("ffn_norm", (WIDTH,)),
        ("ffn_gate", (WIDTH, wide)),
        ("ffn_up", (WIDTH, wide)),
        ("ffn_down", (wide, WIDTH)),
    ]


def _metadata(architecture: str, **numbers: object) -> dict[str, object]:
    """The tiny model's vocabulary, and the numbers of a model; `__` stands for a dot."""
    words = {key: value for key, value in tiny_metadata().items() if key.startswith("tokenizer")}
    facts: dict[str, object] = {
        "block_count": LAYERS,
        "context_length": 8192,
        "embedding_length": WIDTH,
        "feed_forward_length": WIDE,
        "attention.head_count": HEADS,
        "attention.head_count_kv": 2,
        "attention.layer_norm_rms_epsilon": 1e-5,
        "rope.dimension_count": HEAD,
    }
    facts |= {key.replace("__", "."): value for key, value in numbers.items()}
    return {
        "general.architecture": architecture,
        "general.name": architecture,
        "general.file_type": 1,
        **{f"{architecture}.{key}": value for key, value in facts.items()},
        **words,
    }


def _model(
    metadata: Mapping[str, object], blocks: Sequence[Sequence[Shape]], norm: str = "output_norm"
) -> Gguf:
    vocabulary = len(tiny_vocabulary())
    tensors = [
        _tensor("token_embd.weight", (WIDTH, vocabulary)),
        _tensor(f"{norm}.weight", (WIDTH,)),
    ]
    for number, block in enumerate(blocks):
        for name, shape in block:
            whole = name if "." in name and name.endswith("bias") else f"{name}.weight"
            whole = name if name in ("ssm_a", "ssm_d") else whole
            tensors.append(_tensor(f"blk.{number}.{whole}", shape))
    return Gguf(metadata=metadata, tensors=tensors)


def _tensor(name: str, shape: tuple[int, ...]) -> Tensor:
    """Matrices of 16-bit floats; all that llama.cpp wants exact in 32."""
    exact = len(shape) == 1 or "ssm_a" in name or "conv" in name
    kind, size = (_F32, 4) if exact else (_F16, 2)
    return Tensor(name, shape, kind, data=bytes(size * math.prod(shape)))


def grouped() -> Gguf:
    """Llama with eight heads that share two."""
    return _model(_metadata("llama"), [_attention(HEADS, 2) + _feed_forward()] * LAYERS)


def sliding() -> Gguf:
    """Gemma 2: every other layer sees the last 64 tokens."""
    norms: list[Shape] = [("post_attention_norm", (WIDTH,)), ("post_ffw_norm", (WIDTH,))]
    numbers = {
        "attention__sliding_window": 64,
        "attention__key_length": HEAD,
        "attention__value_length": HEAD,
    }
    return _model(
        _metadata("gemma2", **numbers),
        [_attention(HEADS, 2) + norms + _feed_forward()] * LAYERS,
    )


def experts() -> Gguf:
    """Qwen 3 with 16 experts, four of them asked for each token."""
    own: list[Shape] = [
        ("attn_q_norm", (HEAD,)),
        ("attn_k_norm", (HEAD,)),
        ("ffn_norm", (WIDTH,)),
        ("ffn_gate_inp", (WIDTH, 16)),
        ("ffn_gate_exps", (WIDTH, 128, 16)),
        ("ffn_down_exps", (128, WIDTH, 16)),
        ("ffn_up_exps", (WIDTH, 128, 16)),
    ]
    numbers = {
        "expert_count": 16,
        "expert_used_count": 4,
        "expert_feed_forward_length": 128,
        "attention__key_length": HEAD,
        "attention__value_length": HEAD,
    }
    return _model(_metadata("qwen3moe", **numbers), [_attention(HEADS, 2) + own] * LAYERS)


def latent() -> Gguf:
    """DeepSeek 2: what is kept of a token is compressed to 64 numbers, and 32 for its place."""
    rank, rope, length, query = 64, 32, 32, 96
    block: list[Shape] = [
        ("attn_norm", (WIDTH,)),
        ("attn_q_a", (WIDTH, query)),
        ("attn_q_a_norm", (query,)),
        ("attn_q_b", (query, HEADS * (length + rope))),
        ("attn_kv_a_mqa", (WIDTH, rank + rope)),
        ("attn_kv_a_norm", (rank,)),
        ("attn_k_b", (length, rank, HEADS)),
        ("attn_v_b", (rank, length, HEADS)),
        ("attn_output", (HEADS * length, WIDTH)),
    ]
    numbers = {
        "attention__head_count_kv": 1,
        "attention__key_length": rank + rope,
        "attention__value_length": rank,
        "attention__key_length_mla": length + rope,
        "attention__value_length_mla": length,
        "attention__kv_lora_rank": rank,
        "attention__q_lora_rank": query,
        "rope__dimension_count": rope,
        "leading_dense_block_count": LAYERS,
        "expert_feed_forward_length": 64,
        "expert_shared_count": 1,
        "expert_weights_scale": 1.0,
    }
    return _model(_metadata("deepseek2", **numbers), [block + _feed_forward()] * LAYERS)


def recurrent() -> Gguf:
    """Mamba: a state for each sequence, and nothing for each token."""
    inner, state, rank = 2 * WIDTH, 16, 16
    block: list[Shape] = [
        ("attn_norm", (WIDTH,)),
        ("ssm_in", (WIDTH, 2 * inner)),
        ("ssm_conv1d", (4, inner)),
        ("ssm_conv1d.bias", (inner,)),
        ("ssm_x", (inner, rank + 2 * state)),
        ("ssm_dt", (rank, inner)),
        ("ssm_dt.bias", (inner,)),
        ("ssm_a", (state, inner)),
        ("ssm_d", (inner,)),
        ("ssm_out", (inner, WIDTH)),
    ]
    numbers = {
        "ssm__conv_kernel": 4,
        "ssm__inner_size": inner,
        "ssm__state_size": state,
        "ssm__time_step_rank": rank,
        "attention__head_count": 0,
        "attention__head_count_kv": 0,
        "feed_forward_length": 0,
    }
    return _model(_metadata("mamba", **numbers), [block] * LAYERS)


def hybrid() -> Gguf:
    """LFM 2: convolutions, and attention in every third layer."""
    convolution: list[Shape] = [
        ("attn_norm", (WIDTH,)),
        ("shortconv.conv", (3, WIDTH)),
        ("shortconv.in_proj", (WIDTH, 3 * WIDTH)),
        ("shortconv.out_proj", (WIDTH, WIDTH)),
    ]
    norms: list[Shape] = [("attn_q_norm", (HEAD,)), ("attn_k_norm", (HEAD,))]
    kv_heads = [2 if layer % 3 == 2 else 0 for layer in range(LAYERS)]
    blocks = [
        ((_attention(HEADS, 2) + norms) if heads else convolution) + _feed_forward()
        for heads in kv_heads
    ]
    numbers = {"shortconv__l_cache": 3, "attention__head_count_kv": kv_heads}
    return _model(_metadata("lfm2", **numbers), blocks, norm="token_embd_norm")


SHAPES: Mapping[str, Callable[[], Gguf]] = {
    "grouped": grouped,
    "sliding": sliding,
    "experts": experts,
    "latent": latent,
    "recurrent": recurrent,
    "hybrid": hybrid,
}


def write_shaped(folder: Path, name: str) -> Path:
    """One of SHAPES as a file in `folder`."""
    path = folder / f"{name}.gguf"
    path.write_bytes(SHAPES[name]().bytes())
    return path
