"""What a model was predicted to take and what llama.cpp took, side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fakes.engine_process import EngineProcess
from hob.models.fit.choose import fit_of
from hob.models.fit.facts import facts_of
from hob.models.folder.files import look
from hob.models.folder.scan import combine
from hob.wire.engine import Loaded, LoadOptions
from hob.wire.fit import DeviceMemory, Need

MB = 1e6
PARTS = ("weight_bytes", "kv_bytes", "compute_bytes", "projector_bytes", "process_bytes")
# As much as nothing lacks it, so that the context is the one that was asked for.
_MEMORY = (DeviceMemory(name="cpu", total_bytes=2**40, free_bytes=2**40),)


class NotLoadedError(Exception):
    """llama.cpp does not load the model with these options."""


@dataclass(frozen=True)
class Measured:
    """One load; `predicted` and `taken` of main memory."""

    label: str
    predicted: Need
    taken: Need
    predicted_context: int
    context: int

    @property
    def error(self) -> float:
        """Of the whole, as a part of what was taken; above 0 when too much was predicted."""
        return self.predicted.total_bytes / self.taken.total_bytes - 1

    @property
    def error_beside_process(self) -> float:
        """Of what depends on the model, which is little beside Python for a tiny one."""
        predicted, taken = self.predicted, self.taken
        own = taken.total_bytes - taken.process_bytes
        return (predicted.total_bytes - predicted.process_bytes) / own - 1

    def lines(self) -> Iterator[str]:
        """For people: each part in MB, and the error of the whole."""
        yield f"{self.label}: {self.error:+.1%}"
        for part in PARTS:
            predicted, taken = getattr(self.predicted, part), getattr(self.taken, part)
            if predicted or taken:
                name = part.removesuffix("_bytes")
                yield f"  {name:<10} predicted {predicted / MB:8.1f}  taken {taken / MB:8.1f} MB"


def measure(path: Path, options: LoadOptions, projector: Path | None = None) -> Measured:
    """Predict, load in a worker, and compare."""
    model = combine("measured", (look(str(path)),), look(str(projector)) if projector else None)
    fit = fit_of("measured", facts_of(model), options, _MEMORY, 0)
    with EngineProcess() as worker:
        loaded = worker.load(path, options)
        if not isinstance(loaded, Loaded):
            raise NotLoadedError(f"{path.name} {options.kv_type}: {loaded.error.message}")
    (taken,) = loaded.info.memory
    (predicted,) = fit.needs
    set_to = f"{fit.context_length} {options.kv_type} flash {options.flash_attention}"
    return Measured(
        f"{path.name} {set_to}",
        predicted,
        taken,
        fit.context_length,
        loaded.info.context_length,
    )
