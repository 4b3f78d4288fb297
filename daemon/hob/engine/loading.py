"""Loading a model as its options and the machine allow."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from hob.engine.cores import usable_cores
from hob.engine.embedding.kind import purpose
from hob.engine.embedding.loading import LoadedEmbedder, open_embedder
from hob.engine.guessing.choice import choose
from hob.engine.llama import LlamaRuntime
from hob.engine.memory import available_bytes
from hob.engine.native.adapter import Adapters
from hob.engine.native.build import can_offload, devices
from hob.engine.native.context import Context, ContextParams
from hob.engine.native.embedding import has_classifier
from hob.engine.native.library import log
from hob.engine.native.model import GpuSplit, Model
from hob.engine.output.formats import choose_format
from hob.engine.placing import check_kv_type, check_split, gpus_of, layer_wishes
from hob.engine.placing import placement as place
from hob.engine.projection import Projection
from hob.engine.prompts.templates_builtin import ModelFacts, TemplateChoice, choose_template
from hob.engine.prompts.wished import check_wished
from hob.engine.textmodel import LoadedModel
from hob.errors import ModelLoadFailed, OutOfMemory, UnsupportedParameter
from hob.wire.engine import KvType, LoadedInfo, LoadOptions, Placement

if TYPE_CHECKING:
    from hob.engine.native.media import MediaProjector

# llama.cpp rounds a context up to this many cells.
_CELL_BLOCK = 256
# What a number of the KV cache takes in bytes: the quantized types store blocks of 32.
_KV_BYTES: dict[KvType, float] = {"f16": 2.0, "q8_0": 34 / 32, "q4_0": 18 / 32}


def load(
    path: Path, options: LoadOptions, progress: Callable[[float], None], stack: ExitStack
) -> LoadedModel | LoadedEmbedder:
    """Load and warm up, with as many layers on the GPU as fit. What was opened is closed by
    `stack`.

    Raises ModelLoadFailed, OutOfMemory, TemplateFailed or InvalidRequest.
    """
    began = time.monotonic()
    check_wished(options.template_override, options.template_from)
    check_kv_type(options)
    check_split(options, gpus_of(devices()))
    *more, fewest = layer_wishes(options, can_offload())
    for wish in more:
        with suppress(ModelLoadFailed, OutOfMemory):
            return _load_with(wish, path, options, progress, stack=stack, began=began)
    return _load_with(fewest, path, options, progress, stack=stack, began=began)


def _load_with(
    wish: int,
    path: Path,
    options: LoadOptions,
    progress: Callable[[float], None],
    *,
    stack: ExitStack,
    began: float,
) -> LoadedModel | LoadedEmbedder:
    """One try, with `wish` layers on the GPU; when it fails, everything is closed again."""
    log.taken.begin()
    with ExitStack() as opened:
        model = opened.enter_context(_load_weights(path, options, progress, wish))
        loaded = _make(model, min(wish, model.layers + 1), options, opened, began)
        stack.push(opened.pop_all())
    return loaded


def _make(
    model: Model, gpu_layers: int, options: LoadOptions, stack: ExitStack, began: float
) -> LoadedModel | LoadedEmbedder:
    path = model.path
    gpus = gpus_of(devices()) if gpu_layers else []
    placement = place(options, gpus, can_offload(), model.layers, gpu_layers)
    stated = model.metadata(f"{model.architecture}.pooling_type")
    made_for = purpose(model.architecture, stated, has_classifier(model))
    if made_for.kind != "text":
        return open_embedder(
            model, made_for, options, placement, gpus=gpus, stack=stack, began=began
        )
    if not model.generates:
        raise ModelLoadFailed(
            f"{path.name} is no model that writes text, so it cannot answer.",
            hint="Choose a chat or completion model.",
        )
    params = _context_params(model, options)
    projector, problem = _open_projector(model, options, params, placement)
    if projector:
        stack.enter_context(projector)
    context = stack.enter_context(_make_context(model, params))
    warm_from = time.monotonic()
    context.warm_up(model.vocab.bos or 0)
    template = _template(model, options)
    guessing = choose(model, params, options, gpu_layers, stack)
    projector_bytes = Path(options.projector).stat().st_size if projector else 0
    memory = log.taken.needs([gpu.name for gpu in gpus], projector_bytes)
    info = LoadedInfo(
        context_length=context.length,
        train_context_length=model.train_context_length,
        slots=params.places,
        threads=params.threads,
        model_bytes=model.size_bytes,
        kv_bytes=sum(need.kv_bytes for need in memory),
        placement=placement,
        template=template.name,
        tool_format=choose_format(template.source).name if template.name else "",
        load_s=warm_from - began,
        warm_up_s=time.monotonic() - warm_from,
        speculation=guessing.about,
        media=projector.kinds if projector else (),
        memory=memory,
    )
    projection = Projection(
        projector,
        most_tokens=context.length - 1,
        most_at_once=params.batch,
        problem=problem,
    )
    adapters = stack.enter_context(Adapters(model, context))
    runtime = LlamaRuntime(model, context, adapters)
    return LoadedModel(path, runtime, info, template, options, guessing.guesser, projection)


def _open_projector(
    model: Model, options: LoadOptions, params: ContextParams, placement: Placement
) -> tuple[MediaProjector | None, UnsupportedParameter | None]:
    """None when there is none, or the reason why it cannot be used, which is no reason to do
    without the model's text. Raises ModelLoadFailed."""
    if not options.projector:
        return None, None
    from hob.engine.native.media import MediaProjector

    gpu = placement.layers_on_gpu > 0
    try:
        path = Path(options.projector)
        return MediaProjector.open(path, model, threads=params.threads, gpu=gpu), None
    except UnsupportedParameter as problem:
        return None, problem


def _load_weights(
    path: Path, options: LoadOptions, progress: Callable[[float], None], gpu_layers: int
) -> Model:
    try:
        return Model.load(
            path,
            gpu_layers=gpu_layers,
            mmap=options.mmap,
            mlock=options.mlock,
            progress=progress,
            split=GpuSplit(options.split_mode, options.main_gpu, options.tensor_split),
        )
    except ModelLoadFailed as error:
        raise _weights_failure(path, error) from error


def _weights_failure(path: Path, error: ModelLoadFailed) -> ModelLoadFailed | OutOfMemory:
    """llama.cpp does not say why it fails; a file larger than the memory that is left says it."""
    need, free = path.stat().st_size if path.exists() else 0, available_bytes()
    if need <= free:
        return error
    return OutOfMemory(
        f"{path.name} needs {need / 2**20:.0f} MB of memory, and {free / 2**20:.0f} MB are free.",
        hint="Close other programs, or choose a smaller model or a smaller quantization of it.",
        need_bytes=need,
        free_bytes=free,
    )


def _context_params(model: Model, options: LoadOptions) -> ContextParams:
    """A file may claim any context length, so what is not asked for explicitly is capped."""
    length = options.context_length or min(model.train_context_length, options.context_cap)
    return ContextParams(
        length=-(-max(length, 1) // _CELL_BLOCK) * _CELL_BLOCK,
        slots=options.sequences(recurrent=model.recurrent),
        places=options.slots,
        batch=max(options.batch_tokens, options.slots),
        threads=options.threads or usable_cores(),
        flash_attention=options.flash_attention,
        kv_type=options.kv_type,
    )


def _make_context(model: Model, params: ContextParams) -> Context:
    kv_bytes = int(model.kv_row_elements() * params.length * _KV_BYTES[params.kv_type])
    try:
        return Context(model, params)
    except ModelLoadFailed as error:
        free = available_bytes()
        if kv_bytes <= free:
            raise
        raise OutOfMemory(
            f"A context of {params.length} tokens needs {kv_bytes / 2**20:.0f} MB for its KV "
            f"cache, and {free / 2**20:.0f} MB are free.",
            hint="Make the context smaller, `hob config set engine.context_length 4096`, or its "
            "numbers, `hob config set engine.kv_type q8_0`.",
            need_bytes=kv_bytes,
            free_bytes=free,
        ) from error


def _template(model: Model, options: LoadOptions) -> TemplateChoice:
    vocab = model.vocab

    def has_token(text: str) -> bool:
        tokens = vocab.tokenize(text, add_special=False, parse_special=True)
        return len(tokens) == 1 and bool(vocab.control_tokens(tokens))

    facts = ModelFacts(
        template=model.chat_template,
        name=f"{model.metadata('general.name')} {model.path.stem}",
        architecture=model.architecture,
        has_token=has_token,
    )
    return choose_template(facts, options.template_override, options.template_from)
