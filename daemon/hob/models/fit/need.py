"""What a model takes of each device's memory when it is loaded in a certain way. Pure.

The buffers of a step follow llama.cpp's graph: it reserves memory for the widest moment of the
widest step, which is either inside a layer or where the logits are made.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from hob.models.gguf.attention import Attention
from hob.models.gguf.shape import Shape
from hob.wire.engine import CPU_EMBEDDING_STEP, EMBEDDING_STEP_INPUTS, LoadOptions, ModelKind
from hob.wire.fit import DeviceMemory, Need

MIB = 2**20
# Python and llama.cpp before the load; the tokenizer's tables come on top, for each token.
_PROCESS_BYTES, _TOKEN_BYTES = 32 * MIB, 64
# What a driver takes for a process of its own.
_CUDA_BYTES, _OTHER_GPU_BYTES = 300 * MIB, 64 * MIB
_FLOAT = 4
# Feed forward without a gate, so that one wide row is live instead of three.
_UNGATED = frozenset(
    {
        "bert",
        "bloom",
        "falcon",
        "gpt2",
        "gptneox",
        "jina-bert-v3",
        "mpt",
        "nemotron",
        "phi2",
        "starcoder",
        "starcoder2",
    }
)


@dataclass(frozen=True)
class Facts:
    """What the files of a model say; `encoder` models have no cache. `context_length` is the
    longest that it was trained for. `draft` guesses for it, in a context of the same size."""

    attention: Attention
    shape: Shape
    architecture: str
    context_length: int
    kind: ModelKind = "text"
    encoder: bool = False
    projector_bytes: int = 0
    draft: Facts | None = None

    @property
    def layers(self) -> int:
        return len(self.attention.keys)


@dataclass(frozen=True)
class Run:
    """One way to load a model: `batch` tokens a step, of `sequences`, over a cache of `context`
    tokens; `gpu_layers` counts from the last, the first of them being the output's."""

    context: int
    batch: int
    sequences: int
    kv_type: str
    flash: bool
    gpu_layers: int


def run_of(facts: Facts, options: LoadOptions, context: int, gpu_layers: int) -> Run:
    """How the engine loads the model for these options."""
    flash = options.flash_attention != "off"
    if facts.kind == "text":
        batch = max(options.batch_tokens, options.slots)
        sequences = options.sequences(recurrent=facts.attention.recurrent)
        return Run(
            context, min(batch, context), sequences, options.kv_type, flash, max(0, gpu_layers)
        )
    batch = options.batch_tokens if gpu_layers else min(options.batch_tokens, CPU_EMBEDDING_STEP)
    sequences = min(EMBEDDING_STEP_INPUTS, batch)
    whole = max(context, batch)
    # An encoder must see all of an input at once; others read a long one in parts.
    step = whole if facts.encoder else batch
    return Run(whole, step, sequences, "f16", flash, max(0, gpu_layers))


def needs(
    facts: Facts, run: Run, gpus: Sequence[DeviceMemory], shares: Sequence[float]
) -> tuple[Need, ...]:
    """By device, main memory first; `shares` of the GPUs are any numbers of 0 or more."""
    count = facts.layers
    first = max(count + 1 - run.gpu_layers, 0) if gpus else count + 1
    places = _places(count, first, shares)
    found = [_main_need(facts, run, range(min(first, count)), output=first > count)]
    for number, gpu in enumerate(gpus):
        own = [layer for layer in range(first, count + 1) if places[layer - first] == number]
        if own:
            found.append(_gpu_need(facts, run, gpu, range(own[0], own[-1] + 1), split=first > 0))
    if facts.projector_bytes:
        place = 1 if len(found) > 1 else 0
        found[place] = replace(found[place], projector_bytes=facts.projector_bytes)
    if facts.draft:
        return _together(found, needs(facts.draft, run, gpus, shares))
    return tuple(found)


def _together(found: Sequence[Need], beside: Sequence[Need]) -> tuple[Need, ...]:
    """Two models of one process."""
    others = {need.device: need for need in beside}
    joined = []
    for need in found:
        other = others.pop(need.device, Need(device=need.device))
        joined.append(
            replace(
                need,
                weight_bytes=need.weight_bytes + other.weight_bytes,
                kv_bytes=need.kv_bytes + other.kv_bytes,
                compute_bytes=need.compute_bytes + other.compute_bytes,
            )
        )
    return (*joined, *others.values())


def _places(count: int, first: int, shares: Sequence[float]) -> list[int]:
    """The GPU of each layer from `first` on, the output's last, as llama.cpp deals them out."""
    total = sum(shares)
    if first > count or total <= 0:
        return [0] * (count + 1 - first)
    bounds, so_far = [], 0.0
    for share in shares:
        so_far += share / total
        bounds.append(so_far)
    bounds[-1] = 1.0
    given = count + 1 - first
    last = len(shares) - 1
    return [min(bisect.bisect_right(bounds, number / given), last) for number in range(given)]


def _main_need(facts: Facts, run: Run, layers: range, *, output: bool) -> Need:
    shape, attention = facts.shape, facts.attention
    weights = shape.input_bytes + _block_bytes(shape, layers)
    if output:
        weights += shape.output_bytes
    if layers or output:
        compute = step_bytes(facts, run, output=output)
    else:
        compute = _step_tokens(run) * shape.embedding * _FLOAT + _mask_bytes(facts, run)
    return Need(
        device="cpu",
        weight_bytes=weights,
        kv_bytes=attention.kv_bytes(run.context, run.kv_type, run.sequences, run.batch, layers),
        compute_bytes=compute + _result_bytes(facts, run),
        process_bytes=_PROCESS_BYTES + _TOKEN_BYTES * shape.vocabulary,
    )


def _gpu_need(facts: Facts, run: Run, gpu: DeviceMemory, layers: range, *, split: bool) -> Need:
    """`layers` may end with the output's, whose number is that of the layers."""
    shape = facts.shape
    output = layers.stop > facts.layers
    blocks = range(layers.start, min(layers.stop, facts.layers))
    weights = _block_bytes(shape, blocks)
    if output:
        weights += shape.output_bytes + (shape.input_bytes if shape.tied else 0)
    compute = step_bytes(facts, run, output=output)
    if split:
        # For long prompts the weights that stay behind are brought to the GPU, a layer at a time.
        compute += max(shape.block_bytes, default=0)
    return Need(
        device=gpu.name,
        weight_bytes=weights,
        kv_bytes=facts.attention.kv_bytes(
            run.context, run.kv_type, run.sequences, run.batch, blocks
        ),
        compute_bytes=compute,
        process_bytes=_CUDA_BYTES if gpu.name.startswith("CUDA") else _OTHER_GPU_BYTES,
    )


def _block_bytes(shape: Shape, layers: range) -> int:
    return sum(shape.block_bytes[layers.start : layers.stop])


def step_bytes(facts: Facts, run: Run, *, output: bool) -> int:
    """The buffers of the widest step: inside of a layer, and with `output` where logits are made.

    Measured on llama.cpp's reservations for shapes of llama, gemma, experts, latent attention,
    Mamba and BERT: the widest moment of a gated feed forward has 2 to 4 rows of the model's width
    beside its 3 wide ones, as the allocator finds room among what is free again.
    """
    shape = facts.shape
    width, wide = shape.embedding, shape.feed_forward
    tokens = _step_tokens(run)
    if facts.architecture in _UNGATED:
        feed = 3 * width + wide
    else:
        rows = 2 if wide < 2 * width else 3 if wide < 2.5 * width or run.kv_type != "f16" else 4
        feed = max(rows * width + 3 * wide, 2 * (shape.experts_width + width))
    attend = 3 * width + 2 * shape.heads * shape.head_length + 2 * shape.kv_width
    if not run.flash:
        attend += shape.heads * max(_seen(facts, run))
    recur = 2 * width + 6 * shape.state_width if shape.state_width else 0
    inside = _mask_bytes(facts, run) + tokens * _FLOAT * max(feed, attend, recur)
    if not output or facts.encoder:
        return inside
    return max(inside, run.batch * _FLOAT * (shape.vocabulary + 2 * width))


def _step_tokens(run: Run) -> int:
    """llama.cpp reserves for as many tokens of each sequence."""
    return -(-run.batch // run.sequences) * run.sequences


def _seen(facts: Facts, run: Run) -> tuple[int, ...]:
    """How many cells a token can see, for each kind of layer that there is."""
    if facts.encoder:
        return (_step_tokens(run),)
    attention = facts.attention
    whole, sliding = attention.cells(run.context, run.sequences, run.batch)
    kinds = {slides for slides, keys in zip(attention.sliding, attention.keys, strict=True) if keys}
    return tuple(sliding if slides else whole for slides in sorted(kinds)) or (0,)


def _mask_bytes(facts: Facts, run: Run) -> int:
    return _step_tokens(run) * (2 if run.flash else _FLOAT) * sum(_seen(facts, run))


def _result_bytes(facts: Facts, run: Run) -> int:
    """A row of logits for each sequence, and one of its vector."""
    row = facts.shape.vocabulary
    if facts.kind != "text":
        row += facts.shape.embedding
    return run.sequences * row * _FLOAT
