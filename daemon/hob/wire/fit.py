"""How much memory a model takes, and whether there is that much."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from hob.wire.base import Body, Value

# On the GPU, shared between GPU and CPU, on the CPU, not at all.
Verdict = Literal["gpu", "split", "cpu", "no"]


class DeviceMemory(Value, frozen=True):
    """The memory of a device, in bytes; `name` is llama.cpp's, `cpu` is main memory."""

    name: str
    kind: Literal["cpu", "gpu"] = "cpu"
    description: str = ""
    total_bytes: int = 0
    free_bytes: int = 0


class Need(Value, frozen=True):
    """What a model takes on one device, in bytes: the weights, the KV cache (running states
    included), the buffers of a step, the projector, and the process itself."""

    device: str
    weight_bytes: int = 0
    kv_bytes: int = 0
    compute_bytes: int = 0
    projector_bytes: int = 0
    process_bytes: int = 0

    @property
    def total_bytes(self) -> int:
        parts = (self.weight_bytes, self.kv_bytes, self.compute_bytes, self.projector_bytes)
        return sum(parts) + self.process_bytes


class FitChoice(Value, frozen=True):
    """A way to make it fit: other options for this model, or another `model` of the library."""

    words: str
    need_bytes: int
    model: str = ""
    context_length: int = 0
    kv_type: str = ""


class FitRequest(Value, frozen=True):
    """The body of /hob/v1/models/fit; what is left out is as it would be loaded now."""

    model: str
    context_length: Annotated[int, Meta(ge=0, le=2**24)] | None = None
    kv_type: Literal["f16", "q8_0", "q4_0"] | None = None
    gpu_layers: Annotated[int, Meta(ge=0, le=10_000)] | None = None


class Fit(Body, frozen=True):
    """How a model would be loaded, and what that takes.

    `context_length` tokens are shared by all slots; `whole_context_length` is the model's own.
    `gpu_layers` of `layers` go to GPUs. `needs` has a line for each device that takes part,
    `devices` the memory that was free. `why` is one sentence for a person: what limits it, or why
    it does not fit. `nearest` are choices that do, best first.
    """

    model: str
    verdict: Verdict
    context_length: int
    whole_context_length: int
    kv_type: str
    gpu_layers: int
    layers: int
    needs: tuple[Need, ...]
    devices: tuple[DeviceMemory, ...]
    why: str = ""
    nearest: tuple[FitChoice, ...] = ()

    @property
    def need_bytes(self) -> int:
        return sum(need.total_bytes for need in self.needs)
