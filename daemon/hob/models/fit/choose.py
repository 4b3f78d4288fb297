"""How a model is loaded into the memory that is free: its context and its layers. Pure.

What is asked for explicitly is kept, or refused. What is left to Hob is made to fit: first all of
the model on the GPUs with as much context as there is room for, then a part of it, then none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from hob.models.fit.need import Facts, needs, run_of
from hob.models.fit.words import why
from hob.wire.engine import LoadOptions
from hob.wire.fit import DeviceMemory, Fit, Need, Verdict

# A context that is chosen is not made smaller than this, and not smaller than the second for the
# sake of a faster device.
LEAST_CONTEXT, GOOD_CONTEXT = 2048, 8192
_SMALL_STEP, _LARGE_STEP = 256, 1024
# Of a device's memory at most this share is left free.
_MARGIN_SHARE = 10


@dataclass(frozen=True)
class Plan:
    """A way to load the model, and what it takes."""

    context: int
    gpu_layers: int
    needs: tuple[Need, ...]


@dataclass(frozen=True)
class Room:
    """The memory that is there: `margin` bytes of each device are left alone."""

    devices: tuple[DeviceMemory, ...]
    margin: int

    @property
    def gpus(self) -> tuple[DeviceMemory, ...]:
        return tuple(device for device in self.devices if device.kind == "gpu")

    def usable(self, device: DeviceMemory) -> int:
        return device.free_bytes - min(self.margin, device.total_bytes // _MARGIN_SHARE)

    def holds(self, found: Sequence[Need]) -> bool:
        return self.lacking(found) is None

    def lacking(self, found: Sequence[Need]) -> tuple[Need, DeviceMemory] | None:
        """The first device that has too little, with what it would need."""
        devices = {device.name: device for device in self.devices}
        for need in found:
            device = devices.get(need.device, DeviceMemory(name=need.device))
            if need.total_bytes > self.usable(device):
                return need, device
        return None


class Chooser:
    """Plans for one model, one set of options and one room."""

    def __init__(self, facts: Facts, options: LoadOptions, room: Room) -> None:
        self.facts = facts
        self.options = options
        self.room = room
        self.gpus = _taking_part(options, room.gpus)
        self._shares = _shares(options, self.gpus)
        self.whole = facts.context_length
        # All layers, and the one that makes the logits.
        self.most_layers = facts.layers + 1 if self.gpus else 0

    def plan(self, context: int, gpu_layers: int) -> Plan:
        run = run_of(self.facts, self.options, context, gpu_layers)
        return Plan(context, gpu_layers, needs(self.facts, run, self.gpus, self._shares))

    def fits(self, context: int, gpu_layers: int) -> bool:
        return self.room.holds(self.plan(context, gpu_layers).needs)

    @property
    def wished_context(self) -> int:
        """What is loaded where memory is no matter."""
        asked = self.options.context_length
        if self.facts.kind != "text":
            return max(1, min(asked or self.options.context_cap, self.whole))
        return asked or min(self.whole, self.options.context_cap)

    def choose(self) -> Plan:
        """The best way that fits; one that does not when none does."""
        wished = self.wished_context
        free_context = not self.options.context_length
        least = min(wished, LEAST_CONTEXT) if free_context else wished
        good = min(wished, GOOD_CONTEXT) if free_context else wished
        if self.options.gpu_layers is not None:
            return self._with_layers(min(self.options.gpu_layers, self.most_layers), wished, least)
        if self.most_layers and self.fits(good, self.most_layers):
            return self._with_layers(self.most_layers, wished, good)
        for context in dict.fromkeys((good, least)):
            layers = self.most_on_gpus(context)
            if layers and self.fits(context, layers):
                return self._with_layers(layers, context, context)
            if self.fits(context, 0):
                return self._with_layers(0, wished, context)
        return self.plan(least, 0)

    def most_on_gpus(self, context: int) -> int:
        """The most layers that the GPUs hold, whatever main memory does."""

        def hold(layers: int) -> bool:
            found = self.plan(context, layers).needs
            return self.room.holds([need for need in found if need.device != "cpu"])

        return _largest(0, self.most_layers, hold) or 0

    def _with_layers(self, layers: int, wished: int, least: int) -> Plan:
        return self.plan(self.largest_context(layers, wished, least) or least, layers)

    def largest_context(self, layers: int, wished: int, least: int) -> int | None:
        """The largest round context that fits, of `wished` tokens at most; None below `least`."""
        if self.fits(wished, layers):
            return wished
        step = _LARGE_STEP if wished > GOOD_CONTEXT else _SMALL_STEP
        found = _largest(
            least // step, wished // step, lambda steps: self.fits(max(steps * step, least), layers)
        )
        return None if found is None else max(found * step, least)


def _largest(least: int, most: int, fits: Callable[[int], bool]) -> int | None:
    """The largest of `least` to `most` that fits, where smaller ones always fit better."""
    if not fits(least):
        return None
    while least < most:
        middle = (least + most + 1) // 2
        if fits(middle):
            least = middle
        else:
            most = middle - 1
    return least


def _taking_part(options: LoadOptions, gpus: tuple[DeviceMemory, ...]) -> tuple[DeviceMemory, ...]:
    if options.gpu_layers == 0:
        return ()
    if options.split_mode == "none":
        return gpus[options.main_gpu : options.main_gpu + 1]
    return gpus


def _shares(options: LoadOptions, gpus: Sequence[DeviceMemory]) -> tuple[float, ...]:
    given = options.tensor_split[: len(gpus)]
    if sum(given) > 0:
        return (*given, *[0.0] * (len(gpus) - len(given)))
    return tuple(float(gpu.free_bytes) for gpu in gpus)


def fit_of(
    name: str, facts: Facts, options: LoadOptions, devices: Sequence[DeviceMemory], margin: int
) -> Fit:
    """How the model would be loaded; `nearest` is left to whoever knows the library."""
    room = Room(tuple(devices), margin)
    chooser = Chooser(facts, options, room)
    chosen = chooser.choose()
    parts = {need.device for need in chosen.needs}
    fit = Fit(
        model=name,
        verdict=_verdict(chooser, chosen),
        context_length=chosen.context,
        whole_context_length=chooser.whole,
        kv_type=options.kv_type,
        gpu_layers=chosen.gpu_layers,
        layers=facts.layers,
        needs=chosen.needs,
        devices=tuple(device for device in room.devices if device.name in parts),
    )
    lacking = room.lacking(chosen.needs)
    return replace(fit, why=why(fit, options, lacking, chooser.wished_context))


def _verdict(chooser: Chooser, chosen: Plan) -> Verdict:
    if not chooser.room.holds(chosen.needs):
        return "no"
    if not chosen.gpu_layers:
        return "cpu"
    return "gpu" if chosen.gpu_layers > chooser.facts.layers else "split"
