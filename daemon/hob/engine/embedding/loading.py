"""A model that makes vectors or scores, loaded as its options and its metadata say."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from hob.engine.cores import usable_cores
from hob.engine.embedding.inputs import InputBuilder
from hob.engine.embedding.kind import Purpose
from hob.engine.embedding.loop import EmbeddingLoop
from hob.engine.embedding.plan import BatchLimits
from hob.engine.embedding.service import EmbeddingService
from hob.engine.native.embedding import (
    EmbeddingContext,
    EmbeddingParams,
    pair_form,
    takes_characters_apart,
)
from hob.engine.native.library import log
from hob.engine.native.model import Model
from hob.wire.engine import (
    CPU_EMBEDDING_STEP,
    EMBEDDING_STEP_INPUTS,
    Device,
    FromWorker,
    LoadedInfo,
    LoadOptions,
    ModelKind,
    Placement,
)
from hob.wire.models import ENCODER_ARCHITECTURES


@dataclass(frozen=True, slots=True)
class LoadedEmbedder:
    """A model that is ready to answer."""

    kind: ModelKind
    model: Model
    context: EmbeddingContext
    params: EmbeddingParams
    info: LoadedInfo

    def service(self, emit: Callable[[FromWorker], None]) -> EmbeddingService:
        limits = BatchLimits(tokens=self.params.batch, inputs=self.params.inputs)
        loop = EmbeddingLoop(self.context, limits, emit)
        inputs = InputBuilder(
            self.model.vocab,
            self.params.longest,
            self.context.size,
            pair_form(self.model),
            decompose=takes_characters_apart(self.model),
        )
        return EmbeddingService(self.kind, loop, inputs, emit)


def open_embedder(
    model: Model,
    purpose: Purpose,
    options: LoadOptions,
    placement: Placement,
    *,
    gpus: Sequence[Device],
    stack: ExitStack,
    began: float,
) -> LoadedEmbedder:
    """Make the context and warm it up; `stack` closes it. `began` is when the load did, by the
    monotonic clock.

    Raises ModelLoadFailed.
    """
    encoder = model.architecture in ENCODER_ARCHITECTURES
    on_gpu = placement.layers_on_gpu > 0
    batch = options.batch_tokens if on_gpu else min(options.batch_tokens, CPU_EMBEDDING_STEP)
    params = EmbeddingParams(
        pooling=purpose.pooling,
        encoder=encoder,
        longest=longest_input(model.train_context_length, options),
        batch=batch,
        inputs=min(EMBEDDING_STEP_INPUTS, batch),
        threads=options.threads or usable_cores(),
        flash_attention=options.flash_attention,
    )
    context = stack.enter_context(EmbeddingContext(model, params))
    warm_from = time.monotonic()
    context.warm_up(model.vocab.bos or 0)
    memory = log.taken.needs([gpu.name for gpu in gpus])
    info = LoadedInfo(
        context_length=params.longest,
        train_context_length=model.train_context_length,
        slots=params.inputs,
        threads=params.threads,
        model_bytes=model.size_bytes,
        kv_bytes=sum(need.kv_bytes for need in memory),
        placement=placement,
        template="",
        load_s=warm_from - began,
        warm_up_s=time.monotonic() - warm_from,
        kind=purpose.kind,
        embedding_length=context.size if purpose.kind == "embedding" else 0,
        memory=memory,
    )
    return LoadedEmbedder(purpose.kind, model, context, params, info)


def longest_input(trained: int, options: LoadOptions) -> int:
    """In tokens. Never more than the model was trained for: many have no positions beyond, and
    llama.cpp ends the process where they are asked for."""
    return max(1, min(options.context_length or options.context_cap, trained))
