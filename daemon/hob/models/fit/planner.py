"""Answers what fits, for the pool before it loads a model and for people who ask."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from hob.errors import ModelNotFound
from hob.models.fit.choose import LEAST_CONTEXT, Chooser, Plan, Room, fit_of
from hob.models.fit.facts import facts_of
from hob.models.fit.machine import Machine
from hob.models.fit.need import MIB, Facts
from hob.models.fit.words import amount
from hob.models.folder.files import ModelFile
from hob.models.folder.scan import Model
from hob.models.gguf.attention import KV_BLOCK
from hob.models.gguf.describe import Description
from hob.wire.engine import LoadOptions
from hob.wire.fit import DeviceMemory, Fit, FitChoice, FitRequest, Need, Verdict
from hob.wire.models import ModelInfo

MARGIN_BYTES = 512 * MIB
# How many other models are looked at when one does not fit, the largest first.
_OTHERS = 8


@dataclass(frozen=True)
class _Known:
    """A model as it was when it was last asked for, and what its smallest contexts take."""

    model: Model
    facts: Facts
    options: LoadOptions
    chooser: Chooser
    on_gpus: Plan
    on_cpu: Plan


class FitPlanner:
    """Knows the library by functions: `model` gives a model by its exact name, `infos` all of
    them, and `options` how one is loaded. `held` is what loaded models have taken, which is free
    again once they leave. Used on the event loop; only `machine.refresh` takes time.
    """

    def __init__(
        self,
        model: Callable[[str], Model | None],
        *,
        infos: Callable[[], Sequence[ModelInfo]],
        options: Callable[[ModelInfo], LoadOptions],
        margin_bytes: int = MARGIN_BYTES,
        machine: Machine | None = None,
        held: Callable[[], Iterable[Need]] = tuple,
    ) -> None:
        self._model = model
        self._infos = infos
        self._options = options
        self._margin = margin_bytes
        self.machine = machine or Machine()
        self._held = held
        self._known: dict[str, _Known] = {}

    def memory(self) -> tuple[DeviceMemory, ...]:
        """What is free now, main memory first."""
        return self.machine.memory()

    def plan(self, info: ModelInfo, options: LoadOptions, memory: Sequence[DeviceMemory]) -> Fit:
        """How to load the model into `memory`. With the verdict `no` it does not fit: `needs`
        says what it would take, and `nearest` what does fit."""
        facts = self._facts(info)
        if options.draft and facts.kind == "text":
            facts = dataclasses.replace(facts, draft=self._draft(options.draft))
        fit = fit_of(info.name, facts, options, memory, self._margin)
        if fit.verdict != "no":
            return fit
        nearest = (
            *self._otherwise(info, facts, options, memory),
            *self._instead(info, memory),
        )
        return replace(fit, nearest=nearest)

    def explain(self, request: FitRequest) -> Fit:
        """How the model would be loaded now, if all others left. Raises ModelNotFound."""
        info = next((info for info in self._infos() if info.name == request.model), None)
        if info is None:
            raise ModelNotFound(
                f"There is no model named {request.model!r}.",
                hint="`hob models` lists the names.",
                param="model",
            )
        return self.plan(info, _asked(self._options(info), request), self._emptied())

    def _emptied(self) -> tuple[DeviceMemory, ...]:
        """The memory if all loaded models had left. Mapped weights count as free already."""
        back: dict[str, int] = {}
        for need in self._held():
            mapped = need.weight_bytes if need.device == "cpu" else 0
            back[need.device] = back.get(need.device, 0) + need.total_bytes - mapped
        return tuple(
            replace(
                device,
                free_bytes=min(device.total_bytes, device.free_bytes + back.get(device.name, 0)),
            )
            for device in self.memory()
        )

    def _facts(self, info: ModelInfo) -> Facts:
        known = self._look(info)
        return known.facts if known else _unknown(info)

    def _draft(self, path: str) -> Facts | None:
        """The model that guesses, if its file is in the library."""
        info = next((info for info in self._infos() if info.path == path), None)
        return self._facts(info) if info else None

    def _look(self, info: ModelInfo) -> _Known | None:
        model = self._model(info.name) or (self._model(info.base) if info.base else None)
        if model is None:
            self._known.pop(info.name, None)
            return None
        options = self._options(info)
        known = self._known.get(info.name)
        if known is None or known.model is not model or known.options != options:
            known = self._known[info.name] = self._looked_at(model, options)
        return known

    def _looked_at(self, model: Model, options: LoadOptions) -> _Known:
        facts = facts_of(model)
        chooser = Chooser(facts, options, Room(self.memory(), self._margin))
        least = chooser.wished_context
        if not options.context_length:
            least = min(least, LEAST_CONTEXT)
        return _Known(
            model,
            facts,
            options,
            chooser,
            chooser.plan(least, chooser.most_layers),
            chooser.plan(least, 0),
        )

    def _otherwise(
        self,
        info: ModelInfo,
        facts: Facts,
        options: LoadOptions,
        memory: Sequence[DeviceMemory],
    ) -> Iterator[FitChoice]:
        """The same model with other options."""

        def trial(words: str, changed: LoadOptions) -> FitChoice | None:
            fit = fit_of(info.name, facts, changed, memory, self._margin)
            if fit.verdict == "no":
                return None
            return FitChoice(
                words=words.format(context=fit.context_length),
                need_bytes=fit.need_bytes,
                context_length=fit.context_length,
                kv_type=changed.kv_type,
            )

        trials = []
        if options.context_length:
            shorter = replace(
                options,
                context_length=0,
                context_cap=min(options.context_cap, options.context_length),
            )
            trials.append(("a context of {context} tokens", shorter))
        whole_blocks = facts.shape.head_length % KV_BLOCK == 0
        if options.kv_type == "f16" and options.flash_attention != "off" and whole_blocks:
            smaller = replace(options, kv_type="q8_0")
            trials.append(("a KV cache of q8_0 (engine.kv_type), context {context}", smaller))
        if options.gpu_layers:
            trials.append(
                (
                    "as many layers on the GPU as fit (engine.gpu_layers auto)",
                    replace(options, gpu_layers=None),
                )
            )
        for words, changed in trials:
            if found := trial(words, changed):
                yield found

    def _instead(self, info: ModelInfo, memory: Sequence[DeviceMemory]) -> Iterator[FitChoice]:
        """Another quantization of it, and the largest other model that fits."""
        room = Room(tuple(memory), self._margin)
        kin: FitChoice | None = None
        other: FitChoice | None = None
        for found in self._smaller(info):
            known = self._look(found)
            if known is None or _quick(known, room) == "no":
                continue
            related = bool(info.title) and found.title == info.title
            plan = known.on_cpu
            choice = FitChoice(
                words=("another quantization of it, " if related else "the largest that fits, ")
                + f"{found.name} ({amount(found.file_bytes)})",
                need_bytes=sum(need.total_bytes for need in plan.needs),
                model=found.name,
                context_length=plan.context,
            )
            if related:
                kin = kin or choice
            else:
                other = other or choice
        yield from (choice for choice in (kin, other) if choice)

    def _smaller(self, info: ModelInfo) -> list[ModelInfo]:
        """The largest few models of the library that are smaller and for the same purpose."""
        same = [
            found
            for found in self._infos()
            if found.file_bytes < info.file_bytes
            and not found.problem
            and not found.base
            and set(found.capabilities) & set(info.capabilities)
        ]
        same.sort(key=lambda found: (found.title != info.title, -found.file_bytes))
        return same[:_OTHERS]


def _quick(known: _Known, room: Room) -> Verdict:
    """From what the smallest context takes, without looking for the best way."""
    on_gpus = bool(known.on_gpus.gpu_layers)
    if on_gpus and room.holds(known.on_gpus.needs):
        return "gpu"
    if room.holds(known.on_cpu.needs):
        spare = sum(max(0, room.usable(gpu)) for gpu in room.gpus) if on_gpus else 0
        return "split" if spare > sum(n.process_bytes for n in known.on_gpus.needs) else "cpu"
    needed = sum(need.total_bytes for need in known.on_gpus.needs)
    there = sum(max(0, room.usable(device)) for device in room.devices)
    return "split" if on_gpus and needed <= there else "no"


def _asked(options: LoadOptions, request: FitRequest) -> LoadOptions:
    if request.context_length is not None:
        options = replace(options, context_length=request.context_length)
    if request.kv_type is not None:
        options = replace(options, kv_type=request.kv_type)
    if request.gpu_layers is not None:
        options = replace(options, gpu_layers=request.gpu_layers)
    return options


def _unknown(info: ModelInfo) -> Facts:
    """A model that the library does not know any more: by the size of its file."""
    return facts_of(Model(info, (ModelFile(info.path, None, Description()),)))
