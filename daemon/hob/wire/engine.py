"""The protocol between the supervisor and an engine worker, version 2.

The worker says Hello, or LoadFailed when not even llama.cpp can be loaded; the supervisor sends one
Load; the worker reports LoadProgress and then Loaded or LoadFailed. From then on Generate, Ask and
Cancel go down, generate events, Returned, Failed and Heartbeat come up. Stop asks the worker to end
once its work is done; closing the pipe ends it at once.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from hob.wire.base import ErrorInfo, Value
from hob.wire.calls import Call, CallResult
from hob.wire.chat import MediaKind
from hob.wire.fit import Need
from hob.wire.generate import Delta, Finished, GenerateRequest, Queued, Started

PROTOCOL_VERSION = 2
# A worker's exit status when a step did not come back and it has ended itself.
EXIT_STALLED = 5

Auto = Literal["auto", "on", "off"]
KvType = Literal["f16", "q8_0", "q4_0"]
SplitMode = Literal["none", "layer", "row"]
ModelKind = Literal["text", "embedding", "reranking"]

# Sequences that remember what was computed, besides those that are answered; running states take
# memory for each of them.
_REMEMBERED, _REMEMBERED_STATES = 24, 2
# llama.cpp knows at most so many.
_MOST_SEQUENCES = 256
# Tokens of a step of an embedding model on the CPU. An encoder's attention looks at all pairs of
# tokens in the step, of different inputs too: 64 gave 255 sentences a second, 128 336, 256 347,
# 512 285, 1024 277.
CPU_EMBEDDING_STEP = 256
# Inputs of one such step: more of them gain nothing, and llama.cpp takes at most 256.
EMBEDDING_STEP_INPUTS = 64


class WarmPrompt(Value, frozen=True):
    """A system prompt that is in the cache right after the load; `source` says who declared it."""

    text: str
    source: str = ""


class CacheOptions(Value, frozen=True):
    """Where known prefixes are kept besides the KV cache; sizes in bytes, 0 for not at all.

    `folder` is the cache folder on disk, empty for none.
    """

    ram_bytes: int = 512 * 2**20
    disk_bytes: int = 0
    folder: str = ""


class LoadOptions(Value, frozen=True):
    """How a model is loaded. None and `auto` leave the choice to the worker.

    `context_length` is in tokens and shared by all slots; 0 takes the model's own, capped by
    `context_cap`. `slots` sequences are answered at once. `batch_tokens` bounds one decode step,
    and `step_s` how long one may take while somebody waits or is being answered; after `stall_s`
    seconds the worker ends itself. `tensor_split` is the share of each GPU. `projector` and `draft`
    are files that belong to the model: what turns images and sounds into its tokens, and a small
    model of the same vocabulary that guesses ahead. `speculate` `auto` guesses ahead where the
    measured costs say that it pays. `template_override` is a built-in chat template's name or the
    text of a template in Jinja, and `template_from` says who wants it.
    """

    context_length: int = 0
    context_cap: int = 32768
    slots: int = 4
    threads: int | None = None
    batch_tokens: int = 512
    step_s: float = 0.08
    stall_s: float = 60.0
    gpu_layers: int | None = None
    split_mode: SplitMode = "layer"
    main_gpu: int = 0
    tensor_split: tuple[float, ...] = ()
    flash_attention: Auto = "auto"
    kv_type: KvType = "f16"
    mmap: bool = True
    mlock: bool = False
    default_max_tokens: int = 2048
    template_override: str = ""
    template_from: str = "engine.chat_template"
    cache: CacheOptions = CacheOptions()
    warm_prompts: tuple[WarmPrompt, ...] = ()
    speculate: Auto = "auto"
    draft: str = ""
    projector: str = ""

    def sequences(self, *, recurrent: bool) -> int:
        """How many sequences the context of a model that writes text has."""
        remembered = _REMEMBERED_STATES if recurrent else _REMEMBERED
        return min(self.slots + remembered + 1, _MOST_SEQUENCES)


class Device(Value, frozen=True):
    """A device that llama.cpp can compute on; memory in bytes."""

    name: str
    description: str
    kind: Literal["cpu", "gpu", "igpu", "accel"]
    total_bytes: int = 0
    free_bytes: int = 0


class BuildInfo(Value, frozen=True):
    """The llama.cpp build: its CPU features by name, and whether it can offload to a GPU."""

    llama_cpp_python: str
    system_info: str
    gpu_offload: bool
    devices: tuple[Device, ...] = ()


class Hello(Value, frozen=True, tag="hello"):
    protocol: int
    pid: int
    build: BuildInfo


class Load(Value, frozen=True, tag="load"):
    path: str
    options: LoadOptions


class LoadProgress(Value, frozen=True, tag="load_progress"):
    """`fraction` of the weights read, 0 to 1."""

    fraction: float


class Placement(Value, frozen=True):
    """Where the model runs: `layers_on_gpu` of `layers` on `device`; `why` says why not more."""

    device: str
    layers: int
    layers_on_gpu: int
    why: str = ""


class LoadedInfo(Value, frozen=True):
    """Sizes in bytes, times in seconds; `warm_up_s` is the first run through the model.

    `template` names the chat template in use: `model` for the file's own, else a built-in's name,
    or empty when the model cannot chat. `tool_format` names how the model writes tool calls.
    `speculation` says what guesses ahead, "off" for nothing, and why not what was wished.
    `embedding_length` is that of its vectors, 0 when it makes none. `media` is what it can see or
    hear. `memory` is what llama.cpp says that it took, by device.
    """

    context_length: int
    train_context_length: int
    slots: int
    threads: int
    model_bytes: int
    kv_bytes: int
    placement: Placement
    template: str
    load_s: float
    warm_up_s: float
    kind: ModelKind = "text"
    tool_format: str = ""
    speculation: str = "off"
    embedding_length: int = 0
    media: tuple[MediaKind, ...] = ()
    memory: tuple[Need, ...] = ()


class Loaded(Value, frozen=True, tag="loaded"):
    info: LoadedInfo


class LoadFailed(Value, frozen=True, tag="load_failed"):
    error: ErrorInfo


class Generate(Value, frozen=True, tag="generate"):
    request: GenerateRequest


class Ask(Value, frozen=True, tag="ask"):
    call: Call


class Cancel(Value, frozen=True, tag="cancel"):
    """Take a request or call back; the worker answers with Finished(reason="cancelled"), or with
    Failed for a call."""

    id: str


class Stop(Value, frozen=True, tag="stop"):
    """Finish what is live and end."""


class Returned(Value, frozen=True, tag="returned"):
    """The answer to a call."""

    id: str
    result: CallResult


class Failed(Value, frozen=True, tag="failed"):
    """This request has failed; the worker goes on."""

    id: str
    error: ErrorInfo


class Heartbeat(Value, frozen=True, tag="heartbeat"):
    """Progress without text: `steps` were computed since the load; sent at most once a second,
    and only while there is work, so that an idle worker is silent. One without steps comes after
    each image that was encoded."""

    steps: int
    live: int
    queued: int


ToWorker = Load | Generate | Ask | Cancel | Stop
FromWorker = (
    Hello
    | LoadProgress
    | Loaded
    | LoadFailed
    | Queued
    | Started
    | Delta
    | Finished
    | Returned
    | Failed
    | Heartbeat
)

to_worker_decoder: msgspec.msgpack.Decoder[ToWorker] = msgspec.msgpack.Decoder(ToWorker)
from_worker_decoder: msgspec.msgpack.Decoder[FromWorker] = msgspec.msgpack.Decoder(FromWorker)
