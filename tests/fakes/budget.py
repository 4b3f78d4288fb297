"""Memory that fake models share: each takes its weights, and a byte for each token of context."""

from __future__ import annotations

from collections.abc import Sequence

from fakes.in_process import World
from hob.wire.engine import LoadOptions
from hob.wire.fit import DeviceMemory, Fit, FitChoice, Need
from hob.wire.models import ModelInfo

CONTEXT = 10_000
WHOLE = 40_000


class Budget:
    """A planner over one device of `total` bytes; what processes hold is seen at once.

    `others` is what other programs take.
    """

    def __init__(self, world: World, total: int, weights: dict[str, int]) -> None:
        self.world = world
        self.total = total
        self.weights = weights
        self.others = 0

    def weight(self, path: str) -> int:
        return self.weights[path.rsplit("/", 1)[-1].removesuffix(".gguf")]

    @property
    def held(self) -> int:
        """What the processes that were told to load something take."""
        return sum(
            self.weight(child.path) + child.context
            for child in self.world.children
            if not child.ended and child.path
        )

    def memory(self) -> tuple[DeviceMemory, ...]:
        free = max(self.total - self.others - self.held, 0)
        return (DeviceMemory(name="cpu", total_bytes=self.total, free_bytes=free),)

    def private(self, pid: int) -> int | None:
        """All that it holds: in this world no memory is hidden."""
        child = next(child for child in self.world.children if child.pid == pid)
        return self.weight(child.path) + child.context if child.path and not child.ended else 0

    def plan(self, info: ModelInfo, options: LoadOptions, memory: Sequence[DeviceMemory]) -> Fit:
        weight, free = self.weight(info.path), memory[0].free_bytes
        wish = options.context_length or min(WHOLE, options.context_cap, CONTEXT)
        context = min(wish, max(free - weight, 0))
        fits = context == options.context_length if options.context_length else context > 0
        return Fit(
            model=info.name,
            verdict="cpu" if fits else "no",
            context_length=context,
            whole_context_length=WHOLE,
            kv_type="q8_0",
            gpu_layers=0,
            layers=10,
            needs=(Need(device="cpu", weight_bytes=weight, kv_bytes=context if fits else wish),),
            devices=tuple(memory),
            why="" if fits else f"{info.name} needs {weight} bytes and {free} are free.",
            nearest=() if fits else (FitChoice(words="a smaller model", need_bytes=1),),
        )
